import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { StoredReading } from './anonymise.ts'

const KINDS = ['consumable', 'telemetry', 'event'] as const

/**
 * What the devices of a gateway reported since then, in the order in which it was stored, and how they described themselves.
 * The database is opened read-only, beside the gateway. Dead letters are left out: nobody knows what is in them.
 */
export function readTraffic(
  dataFolder: string,
  sinceMs: number,
): { descriptions: Map<string, unknown>; readings: StoredReading[] } {
  const db = new Database(join(dataFolder, 'gateway.db'), { readonly: true, fileMustExist: true })
  try {
    const descriptions = db
      .prepare<[], { deviceId: string; description: string }>(
        'SELECT device_id AS deviceId, description FROM devices WHERE description IS NOT NULL',
      )
      .all()
    const rows = db
      .prepare<
        [number],
        Omit<StoredReading, 'kind' | 'isGatewayTime' | 'body'> & { kind: number; gatewayTime: number; body: string }
      >(
        `SELECT device_id AS deviceId, session, kind, measured_at_ms AS measuredAtMs, gateway_time AS gatewayTime,
           received_at_ms AS receivedAtMs, body
         FROM readings JOIN sessions USING (session_key) WHERE received_at_ms >= ? ORDER BY reading_id`,
      )
      .all(sinceMs)
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
