import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { HomeProcesses } from '../support/home-processes.ts'
import type { Victim } from './victims.ts'

/** A place on the line, and whether the rows of a device show that its order has come there. */
export type Point = { name: string; sql: string; victims: Victim[] }

const state = (...states: string[]) =>
  `SELECT 1 FROM orders WHERE device_id = ? AND state IN (${states.map((one) => `'${one}'`).join(', ')})`
const has = (table: string, condition = '') =>
  `SELECT 1 FROM ${table} JOIN orders USING (order_id) WHERE device_id = ? ${condition}`

/** Where a round kills, as soon as the rows show it. */
export const POINTS: Point[] = [
  {
    name: 'reading stored',
    sql: 'SELECT 1 FROM readings JOIN sessions USING (session_key) WHERE device_id = ? AND remaining < 280',
    victims: ['gateway'],
  },
  { name: 'order needed', sql: 'SELECT 1 FROM orders WHERE device_id = ?', victims: ['gateway'] },
  { name: 'quote stored', sql: has('quotes'), victims: ['gateway', 'machine'] },
  { name: 'authorization saved', sql: has('authorizations'), victims: ['gateway', 'anvil', 'machine'] },
  { name: 'funds held', sql: state('authorized', 'due'), victims: ['gateway', 'shop', 'anvil'] },
  { name: 'shipped', sql: state('shipped'), victims: ['gateway', 'anvil'] },
  { name: 'delivered', sql: state('delivered'), victims: ['gateway'] },
  {
    name: 'confirmation saved',
    sql: has('seller_messages', `AND kind = 'confirmation'`),
    victims: ['gateway', 'shop', 'anvil', 'machine'],
  },
  { name: 'captured', sql: state('completed'), victims: ['anvil'] },
]

/** Watches the rows from outside; resolves as soon as they show the point. */
export async function reached(home: HomeProcesses, { sql }: Point, deviceId: string): Promise<void> {
  const db = new Database(join(home.folder, 'gateway.db'), { readonly: true })
  try {
    const shows = db.prepare(sql)
    await home.until(
      async () => shows.get(deviceId),
      (row) => row !== undefined,
      1,
    )
  } finally {
    db.close()
  }
}
