import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { Config } from './config/schema.ts'
import { environmentName, settings } from './config/settings.ts'

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
  if (issue.code === 'invalid_type' && issue.expected === 'object' && issue.message.endsWith('received null')) {
    return `${path.join('.')} in ${file} has no setting below it: give it one, or put the # before it again.`
  }
  const isSetting = settingPaths().some((known) => known.join('.') === path.join('.'))
  return `${path.join('.')} in ${file}${isSetting ? ` (or ${name} in the environment)` : ''}: ${issue.message}.`
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
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Unlike `existsSync` it throws in a folder that this user may not look into: no settings would be read as the defaults. */
function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
