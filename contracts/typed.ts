import type {
  Abi,
  AbiParameter,
  AbiParametersToPrimitiveTypes,
  AbiParameterToPrimitiveType,
  ExtractAbiErrors,
  ExtractAbiEvents,
  ExtractAbiFunction,
  ExtractAbiFunctionNames,
} from 'abitype'
import { FunctionFragment, Interface, type InterfaceAbi, type ParamType, type Result } from 'ethers/abi'
import { argumentsEncoder } from './abi.ts'

/** Arguments by name: integers of up to 48 bits as number, larger ones as bigint, addresses in lower case. */
type Named<Parameters extends readonly AbiParameter[]> = {
  [P in Parameters[number] as P['name'] & string]: AbiParameterToPrimitiveType<P, 'outputs'>
}

/** One of several named things with its own arguments; `name` tells which. */
type NamedUnion<Entry extends { name: string; inputs: readonly AbiParameter[] }> = Entry extends unknown
  ? { name: Entry['name']; args: Named<Entry['inputs']> }
  : never

type Inputs<A extends Abi, Name extends ExtractAbiFunctionNames<A>> = ExtractAbiFunction<A, Name>['inputs']
type Outputs<A extends Abi, Name extends ExtractAbiFunctionNames<A>> = ExtractAbiFunction<A, Name>['outputs']

/** The errors that the compiler adds to every contract. */
type CompilerError = { name: 'Error'; args: { message: string } } | { name: 'Panic'; args: { code: bigint } }

/** A value of abitype's with a number wherever an integer is due: what is a number at home need not become a bigint. */
export type Encodable<T> = T extends bigint
  ? bigint | number
  : T extends object
    ? { readonly [Key in keyof T]: Encodable<T[Key]> }
    : T

/** Encodes and decodes one contract's data with types from its ABI. */
export type Coder<A extends Abi> = {
  /** Call data of a function. */
  encode<Name extends ExtractAbiFunctionNames<A>>(
    name: Name,
    args: Encodable<AbiParametersToPrimitiveTypes<Inputs<A, Name>, 'inputs'>>,
  ): string
  /** The value that a function with one result returned. */
  decodeResult<Name extends ExtractAbiFunctionNames<A>>(
    name: Name,
    data: string,
  ): AbiParametersToPrimitiveTypes<Outputs<A, Name>, 'outputs'>[0]
  /** All values that a function returned, in their order. */
  decodeResults<Name extends ExtractAbiFunctionNames<A>>(
    name: Name,
    data: string,
  ): AbiParametersToPrimitiveTypes<Outputs<A, Name>, 'outputs'>
  /** undefined when the log is none of this contract's. The caller compares the log's address. */
  decodeLog(log: { topics: readonly string[]; data: string }): NamedUnion<ExtractAbiEvents<A>> | undefined
  /** What a call reverted with; undefined when the data is none of this contract's errors, empty data included. */
  decodeError(data: string): NamedUnion<ExtractAbiErrors<A>> | CompilerError | undefined
}

export function coder<const A extends Abi>(abi: A): Coder<A> {
  const contract = new Interface(abi as unknown as InterfaceAbi)
  const encoders = new Map(
    abi.flatMap((entry) => {
      if (entry.type !== 'function') return []
      const { selector } = FunctionFragment.from(entry)
      return [[entry.name, { selector, encode: argumentsEncoder(entry.inputs) }] as const]
    }),
  )
  return {
    encode(name, args) {
      const { selector, encode } = encoders.get(name)!
      return selector + encode(args as readonly unknown[])
    },
    decodeResult(name, data) {
      return this.decodeResults(name, data)[0] as never
    },
    decodeResults(name, data) {
      const { outputs } = contract.getFunction(name)!
      const values = contract.decodeFunctionResult(name, data)
      return outputs.map((output, index) => plain(output, values[index])) as never
    },
    decodeLog({ topics, data }) {
      const log = contract.parseLog({ topics, data })
      if (log === null) return undefined
      return { name: log.name, args: plainObject(log.fragment.inputs, log.args) } as never
    },
    decodeError(data) {
      const error = contract.parseError(data)
      if (error === null) return undefined
      if (error.name === 'Error') return { name: 'Error', args: { message: error.args[0] as string } }
      if (error.name === 'Panic') return { name: 'Panic', args: { code: error.args[0] as bigint } }
      return { name: error.name, args: plainObject(error.fragment.inputs, error.args) } as never
    },
  }
}

function plainObject(parameters: readonly ParamType[], values: Result): Record<string, unknown> {
  return Object.fromEntries(parameters.map((parameter, index) => [parameter.name, plain(parameter, values[index])]))
}

/** Turns a value of ethers into the one that its abitype type promises. */
function plain(parameter: ParamType, value: unknown): unknown {
  if (parameter.isTuple()) return plainObject(parameter.components, value as Result)
  if (parameter.isArray()) return [...(value as Result)].map((item) => plain(parameter.arrayChildren, item))
  if (parameter.type === 'address') return (value as string).toLowerCase()
  const bits = /^u?int(\d+)$/.exec(parameter.type)?.[1]
  return bits !== undefined && Number(bits) <= 48 ? Number(value) : value
}
