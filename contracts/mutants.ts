import { compileSources, type Node } from './compiler.ts'

/** One small fault that can be put into a source. */
export type Mutant = {
  /** Stays the same when other lines move: file, function, text before and after, number among equal ones. */
  name: string
  file: string
  line: number
  kind: 'comparison' | 'condition' | 'arithmetic' | 'deletion' | 'field' | 'modifier' | 'number'
  /** Byte offsets in the source. */
  start: number
  end: number
  replacement: string
}

/** `context` is the text that makes the change readable. */
type Change = Pick<Mutant, 'kind' | 'start' | 'end' | 'replacement'> & {
  context?: readonly [start: number, end: number]
}

/** What stands in for a comparison: its border moved, and its opposite. */
const COMPARISONS: Record<string, string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
}

const OPERATORS: Record<string, string> = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '/',
  '+=': '-=',
  '-=': '+=',
  '++': '--',
  '--': '++',
  '&&': '||',
  '||': '&&',
  '|': '&',
  '&': '|',
  '<<': '>>',
  '>>': '<<',
}

/** All mutants of the files, in the order of the text. `sources` also holds what they import. */
export function findMutants(sources: Record<string, string>, files: readonly string[]): Mutant[] {
  const { sources: compiled } = compileSources(sources, { outputSelection: { '*': { '': ['ast'] } } }, true)
  return files.flatMap((file) => mutantsOf(file, Buffer.from(sources[file]!), compiled[file]!.ast!))
}

/** The source with the fault in it. */
export function applyMutant(source: string, { start, end, replacement }: Mutant): string {
  const bytes = Buffer.from(source)
  return `${bytes.subarray(0, start)}${replacement}${bytes.subarray(end)}`
}

function mutantsOf(file: string, bytes: Buffer, ast: Node): Mutant[] {
  const found: { place: string; change: Change }[] = []
  const visit = (node: Node, parents: readonly Node[]): void => {
    for (const change of changesOf(node, parents, bytes)) found.push({ place: placeOf([...parents, node]), change })
    for (const child of childrenOf(node)) visit(child, [...parents, node])
  }
  visit(ast, [])
  found.sort((a, b) => a.change.start - b.change.start)

  const seen = new Map<string, number>()
  return found.map(({ place, change: { context, ...change } }) => {
    const { start, end, replacement } = change
    const [from, to] = context ?? [start, end]
    const text = (first: number, last: number) => bytes.subarray(first, last).toString().replace(/\s+/g, ' ')
    const after = `${text(from, start)}${replacement}${text(end, to)}`.trim()
    const fault = `${file.replace(/^src\//, '')} ${place}: ${text(from, to)} → ${after || 'nothing'}`
    const count = (seen.get(fault) ?? 0) + 1
    seen.set(fault, count)
    const line = bytes.subarray(0, start).toString().split('\n').length
    return { ...change, name: count === 1 ? fault : `${fault} (${count})`, file, line }
  })
}

/** Name of the function, or of the constant, that a node is in. */
function placeOf(path: readonly Node[]): string {
  const place = path.find((it) => it.nodeType === 'FunctionDefinition' || it.nodeType === 'VariableDeclaration')
  return (place?.['name'] as string | undefined) || (place?.['kind'] as string | undefined) || 'file'
}

function changesOf(node: Node, parents: readonly Node[], bytes: Buffer): Change[] {
  const [start, end] = rangeOf(node)
  const text = bytes.subarray(start, end).toString()
  const parent = parents.at(-1)
  switch (node.nodeType) {
    case 'BinaryOperation':
      return operatorChanges(node, bytes)
    case 'Assignment':
      return assignmentChanges(node, bytes)
    case 'UnaryOperation':
      return countChanges(node, parents)
    case 'IfStatement':
    case 'Conditional':
      return conditionChanges(node['condition'] as Node, bytes)
    case 'ExpressionStatement':
      if (parent?.nodeType === 'ForStatement' && parent['body'] !== node) return []
      return [deletion(start, end, bytes)]
    case 'RevertStatement':
    case 'EmitStatement':
    case 'Continue':
    case 'Break':
      return [deletion(start, end, bytes)]
    case 'Return':
      return node['expression'] == null ? [deletion(start, end, bytes)] : []
    case 'FunctionCall':
      return node['kind'] === 'structConstructorCall' ? fieldChanges(node, bytes) : []
    case 'ModifierInvocation':
      return node['kind'] === 'modifierInvocation' ? [{ kind: 'modifier', start, end, replacement: '' }] : []
    case 'Literal':
      return numberChanges(node, parents, text)
    default:
      return []
  }
}

function operatorChanges(node: Node, bytes: Buffer): Change[] {
  const operator = node['operator'] as string
  const [, leftEnd] = rangeOf(node['leftExpression'] as Node)
  const [rightStart] = rangeOf(node['rightExpression'] as Node)
  // Between the operands stand the operator, blanks and brackets.
  const start = leftEnd + bytes.subarray(leftEnd, rightStart).toString().indexOf(operator)
  const end = start + operator.length
  const context = rangeOf(node)
  const comparisons = COMPARISONS[operator]
  if (comparisons) return comparisons.map((replacement) => ({ kind: 'comparison', start, end, replacement, context }))
  const replacement = OPERATORS[operator]
  return replacement ? [{ kind: 'arithmetic', start, end, replacement, context }] : []
}

function assignmentChanges(node: Node, bytes: Buffer): Change[] {
  const operator = node['operator'] as string
  const replacement = OPERATORS[operator]
  if (replacement === undefined) return []
  const context = rangeOf(node)
  const [, leftEnd] = rangeOf(node['leftHandSide'] as Node)
  const start = leftEnd + bytes.subarray(leftEnd, context[1]).toString().indexOf(operator)
  return [{ kind: 'arithmetic', start, end: start + operator.length, replacement, context }]
}

/** Counts the other way, or not at all; not the step of a loop, which would never end. */
function countChanges(node: Node, parents: readonly Node[]): Change[] {
  const replacement = OPERATORS[node['operator'] as string]
  if (replacement === undefined || parents.at(-2)?.nodeType === 'ForStatement') return []
  const context = rangeOf(node)
  const start = node['prefix'] === true ? context[0] : context[1] - 2
  return ['', replacement].map((it) => ({ kind: 'arithmetic', start, end: start + 2, replacement: it, context }))
}

/** Turns a condition round, unless a comparison in it is turned round anyway. */
function conditionChanges(condition: Node, bytes: Buffer): Change[] {
  if (condition.nodeType === 'BinaryOperation') return []
  const [start, end] = rangeOf(condition)
  const text = bytes.subarray(start, end).toString()
  return [{ kind: 'condition', start, end, replacement: text.startsWith('!') ? text.slice(1) : `!${text}` }]
}

/** Leaves each field of a stored struct out in turn. */
function fieldChanges(node: Node, bytes: Buffer): Change[] {
  return (node['arguments'] as Node[]).flatMap((argument) => {
    const [start, end] = rangeOf(argument)
    const zero = zeroOf((argument['typeDescriptions'] as { typeString: string }).typeString)
    if (zero === undefined || bytes.subarray(start, end).toString() === zero) return []
    return [{ kind: 'field' as const, start, end, replacement: zero }]
  })
}

function zeroOf(type: string): string | undefined {
  if (type === 'bool') return 'false'
  if (type === 'address') return 'address(0)'
  if (type.startsWith('enum ')) return `${type.slice('enum '.length)}(0)`
  return /^(uint|int)\d+$/.test(type) ? `${type}(0)` : type === 'bytes32' ? 'bytes32(0)' : undefined
}

function numberChanges(node: Node, parents: readonly Node[], text: string): Change[] {
  if (node['kind'] !== 'number' || parents.some((it) => it.nodeType.endsWith('TypeName'))) return []
  const [start, end] = rangeOf(node)
  const context = rangeOf(parents.at(-1)!)
  const change = (replacement: string): Change => ({ kind: 'number', start, end, replacement, context })
  return text === '0' ? [change('1')] : [change(`(${text} + 1)`), change(`(${text} - 1)`)]
}

function deletion(start: number, end: number, bytes: Buffer): Change {
  const semicolon = bytes[end] === 0x3b ? end + 1 : end
  return { kind: 'deletion', start, end: semicolon, replacement: '{}' }
}

function rangeOf(node: Node): [start: number, end: number] {
  const [start, length] = node.src.split(':').map(Number)
  return [start!, start! + length!]
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((it): it is Node => typeof it === 'object' && it !== null && 'nodeType' in it && 'src' in it)
}
