import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogueText } from '../models/shop.ts'
import type { Scenario } from '../scenario/schema.ts'
import type { Scene, Stage } from '../stage.ts'

/** Connections beside those of the homes' own devices: strangers of a scenario, and those that are not closed yet. */
const SPARE_CONNECTIONS = 1_000

/** Raises gateway, chain, and the shop of the scenario. */
export async function raiseFor(stage: Stage, scenario: Scenario, startMs: number, devices: number): Promise<Scene> {
  const catalogue = join(stage.folder, 'catalogue.yaml')
  writeFileSync(catalogue, catalogueText(scenario))
  return await stage.raise({ startMs, settings: settingsFor(devices), catalogue })
}

/** Real time says nothing in a run where a day takes a second: what a device may do in a real minute is not bounded by it. */
export function settingsFor(devices: number): string {
  return `  limits:
    maxConnections: ${devices + SPARE_CONNECTIONS}
    messagesPerSecond: 1000
    burstMessages: 2000
    maxConnectsPerMinute: 10000
log: { level: warn }`
}
