import { z } from 'zod'
import { Config } from './schema.ts'

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
