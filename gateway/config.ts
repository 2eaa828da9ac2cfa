import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { Address, HomeId } from './domain/identifiers.ts'

const Host = z.string().min(1).max(255)
const Port = z.int().min(0).max(65_535)
const HttpUrl = z.url({ protocol: /^https?$/, error: 'expected an address that begins with http:// or https://' })

/** Every setting of `adept.yaml`, with its default and its meaning; the README's table is made from this. */
export const Config = z.strictObject({
  home: z
    .strictObject({
      id: HomeId.default('home').describe('Name of the home that this gateway serves.'),
      timeZone: z
        .string()
        .refine(isTimeZone, 'not a time zone of the IANA list, such as Europe/Berlin')
        .default('UTC')
        .describe('Time zone of the home, an IANA name.'),
    })
    .prefault({}),
  mqtt: z
    .strictObject({
      host: Host.default('127.0.0.1').describe('Address on which devices connect; loopback until told otherwise.'),
      port: Port.default(1883).describe('TCP port for MQTT 3.1.1; 0 takes a free one.'),
    })
    .prefault({}),
  http: z
    .strictObject({
      port: Port.default(8787).describe('Port of the API and the dashboard on 127.0.0.1; 0 takes a free one.'),
    })
    .prefault({}),
  chain: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z
          .literal('embedded')
          .describe('`embedded`: a development chain with a test dollar, beside the gateway. `rpc`: any other chain.'),
      }),
      z.strictObject({
        kind: z.literal('rpc'),
        rpcUrl: HttpUrl.describe('JSON-RPC endpoint of the chain.'),
        chainId: z.int().positive().describe('Id that the endpoint must answer with.'),
        escrow: Address.describe('Address of the deployed OrderEscrow.'),
        token: Address.describe('Address of the ERC-20 token that orders are paid in.'),
        confirmations: z.int().min(0).max(256).default(2).describe('Blocks above a log before it counts.'),
        maxFeeGwei: z.number().positive().default(100).describe('Highest fee per gas that the relayer pays.'),
      }),
    ])
    .default({ kind: 'embedded' }),
  seller: z
    .strictObject({
      url: HttpUrl.default('http://127.0.0.1:8788').describe(
        'Merchant agent that `adept mandate sign` asks for prices.',
      ),
    })
    .prefault({}),
  orders: z
    .strictObject({
      inspectionHours: z
        .number()
        .min(0)
        .max(72)
        .default(24)
        .describe('Time to look at delivered goods before they are confirmed; `adept order received` ends it.'),
    })
    .prefault({}),
  notify: z
    .strictObject({
      webhookUrl: HttpUrl.optional().describe(
        'Each entry of the feed is sent there as JSON, with its id, until it is answered 2xx.',
      ),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least severity that is logged, as JSON lines on standard error.'),
    })
    .prefault({}),
})
export type Config = z.infer<typeof Config>

/** A mistake in the configuration, as a sentence for the person who can mend it. */
export class ConfigError extends Error {}

/** The folder that holds all of a gateway's state: the option, else `ADEPT_DATA`, else `~/.adept`. */
export function dataFolderFrom(option: string | undefined): string {
  // The shell leaves a quoted `~/` as it is.
  return resolve((option ?? process.env['ADEPT_DATA'] ?? '~/.adept').replace(/^~(?=\/|$)/, () => homedir()))
}

/**
 * Reads `<dataFolder>/adept.yaml` (absent: all defaults), then lays the environment over it: `ADEPT_MQTT_PORT=1884` is
 * `mqtt.port`, `ADEPT_ORDERS_INSPECTION_HOURS` is `orders.inspectionHours`. Throws `ConfigError` naming the
 * setting and where it was made.
 */
export function loadConfig(dataFolder: string, env: Record<string, string | undefined> = process.env): Config {
  const file = join(dataFolder, 'adept.yaml')
  const document = parseDocument(isThere(file) ? readFileSync(file, 'utf8') : '')
  const [syntaxError] = document.errors
  if (syntaxError !== undefined) throw new ConfigError(`${file} is not valid YAML: ${syntaxError.message}`)

  const settings: unknown = document.toJS() ?? {}
  if (!isTable(settings)) {
    const found = Array.isArray(settings) ? 'a list' : `only the value ${JSON.stringify(settings)}`
    throw new ConfigError(`${file} must hold settings such as "mqtt:", not ${found}.`)
  }
  refuseUnknownNames(env)
  for (const path of settingPaths()) {
    const value = env[environmentName(path)]
    if (value !== undefined) setAt(settings, path, readScalar(value))
  }
  const parsed = Config.safeParse(settings)
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map((issue) => mistake(issue, file, env)).join('\n'))
  return parsed.data
}

/** A mistyped name would else leave its setting at the default, and nobody told. */
function refuseUnknownNames(env: Record<string, string | undefined>): void {
  const names = settingPaths().map(environmentName)
  for (const name of Object.keys(env)) {
    if (!name.startsWith('ADEPT_') || name === 'ADEPT_DATA' || names.includes(name)) continue
    const section = name.split('_', 2).join('_')
    const alike = names.filter((other) => other.startsWith(`${section}_`))
    throw new ConfigError(
      `${name} in the environment names no setting. There are ${(alike.length > 0 ? alike : names).join(', ')}.`,
    )
  }
}

function mistake(issue: z.core.$ZodIssue, file: string, env: Record<string, string | undefined>): string {
  const path = issue.path.map(String)
  const name = environmentName(path)
  if (env[name] !== undefined) return `${name} in the environment (${path.join('.')}): ${issue.message}.`
  const isSetting = settingPaths().some((known) => known.join('.') === path.join('.'))
  return `${path.join('.')} in ${file}${isSetting ? ` (or ${name} in the environment)` : ''}: ${issue.message}.`
}

/** `['orders', 'inspectionHours']` → `ADEPT_ORDERS_INSPECTION_HOURS`. */
export function environmentName(path: readonly string[]): string {
  return `ADEPT_${path.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('_')}`
}

/** A row of the README's table. */
export type Setting = { path: string[]; defaultValue: unknown; description: string }

/** All settings, in the order of the schema. */
export function settings(): Setting[] {
  return collect([], z.toJSONSchema(Config, { io: 'input', unrepresentable: 'any' }) as JsonSchema)
}

type JsonSchema = {
  description?: string
  default?: unknown
  const?: unknown
  properties?: Record<string, JsonSchema>
  oneOf?: JsonSchema[]
  anyOf?: JsonSchema[]
}

function collect(path: string[], schema: JsonSchema): Setting[] {
  const here =
    schema.description === undefined
      ? []
      : [{ path, defaultValue: schema.default ?? schema.const, description: schema.description }]
  const variants = [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]
  const below = variants.flatMap((variant) =>
    Object.entries(variant.properties ?? {}).flatMap(([name, property]) => collect([...path, name], property)),
  )
  return [...here, ...below]
}

function settingPaths(): string[][] {
  return settings().map((setting) => setting.path)
}

function setAt(table: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path
  if (name === undefined) return
  if (rest.length === 0) {
    table[name] = value
    return
  }
  const inner = isTable(table[name]) ? table[name] : {}
  table[name] = inner
  setAt(inner, rest, value)
}

function readScalar(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
  } catch {
    return false
  }
}

/** Unlike `existsSync` it throws in a folder that this user may not look into: no settings would be read as the defaults. */
function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
