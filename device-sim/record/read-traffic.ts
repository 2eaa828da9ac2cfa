import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { StoredReading } from './anonymise.ts'

const KINDS = ['consumable', 'telemetry', 'event'] as const

/** How devices described themselves, by their ids, and what they reported, in the order in which it was stored. */
export type Traffic = { descriptions: Map<string, unknown>; readings: StoredReading[] }

/**
 * What the devices of one home reported in so many ms before its newest report, whatever its clock was: a simulated home lives
 * in another year. Undefined when the gateway has no such home. The database is opened read-only, beside the gateway. Dead
 * letters are left out: nobody knows what is in them.
 */
export function readTraffic(dataFolder: string, homeId: string, spanMs: number): Traffic | undefined {
  const db = new Database(join(dataFolder, 'gateway.db'), { readonly: true, fileMustExist: true })
  try {
    const home = db.prepare<[string], string>('SELECT home_id FROM homes WHERE home_id = ?').pluck().get(homeId)
    if (home === undefined) return undefined
    const descriptions = db
      .prepare<[string], { deviceId: string; description: string }>(
        'SELECT device_id AS deviceId, description FROM devices WHERE home_id = ? AND description IS NOT NULL',
      )
      .all(homeId)
    const rows = db
      .prepare<
        { homeId: string; spanMs: number },
        Omit<StoredReading, 'kind' | 'isGatewayTime' | 'body'> & { kind: number; gatewayTime: number; body: string }
      >(
        `WITH of_home AS (
           SELECT * FROM readings JOIN sessions USING (session_key) JOIN devices USING (device_id) WHERE home_id = @homeId)
         SELECT device_id AS deviceId, session, kind, measured_at_ms AS measuredAtMs, gateway_time AS gatewayTime,
           received_at_ms AS receivedAtMs, body
         FROM of_home WHERE received_at_ms >= (SELECT max(received_at_ms) FROM of_home) - @spanMs ORDER BY reading_id`,
      )
      .all({ homeId, spanMs })
    return {
      descriptions: new Map(descriptions.map(({ deviceId, description }) => [deviceId, JSON.parse(description)])),
      readings: rows.map(({ kind, gatewayTime, body, ...row }) => ({
        ...row,
        kind: KINDS[kind] ?? 'event',
        isGatewayTime: gatewayTime === 1,
        body: JSON.parse(body),
      })),
    }
  } finally {
    db.close()
  }
}
