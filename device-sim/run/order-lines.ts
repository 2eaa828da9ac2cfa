import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { HomePlan } from '../models/home.ts'
import type { HomeDevice } from './move-in.ts'
import type { OrderLine } from './result.ts'

const DAY_MS = 86_400_000

/** The orders of the homes as the gateway's own rows have them, in the order (day, home, device, slot). */
export function orderLines(
  gatewayData: string,
  plans: readonly HomePlan[],
  devices: readonly HomeDevice[],
  startMs: number,
): OrderLine[] {
  const places = new Map(devices.map((device) => [device.deviceId, device]))
  const lines = orderRows(gatewayData).flatMap(({ deviceId, createdAtMs, ...rest }): OrderLine[] => {
    const place = places.get(deviceId)
    if (place === undefined) return [] // of a stranger
    const { index, devices: planned } = plans[place.home]!
    const day = Math.floor((createdAtMs - startMs) / DAY_MS)
    return [{ home: index, device: planned[place.device]!.name, ...rest, day }]
  })
  return lines.sort(
    (a, b) => a.day - b.day || a.home - b.home || compare(a.device, b.device) || compare(a.slot, b.slot),
  )
}

function orderRows(gatewayData: string) {
  const db = new Database(join(gatewayData, 'gateway.db'), { readonly: true })
  try {
    return db
      .prepare<[], { deviceId: string; slot: string; gtin: string; quantity: number; createdAtMs: number }>(
        'SELECT device_id AS deviceId, slot, gtin, quantity, created_at_ms AS createdAtMs FROM orders',
      )
      .all()
  } finally {
    db.close()
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
