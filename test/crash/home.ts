import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { HomeProcesses } from '../support/home-processes.ts'
import { type Buyer, PRICE_MINOR_UNITS } from './buyer.ts'

/** A chain that lost a block has it again within seconds; a machine under load takes longer. */
const SETTLED_WITHIN_MS = 60_000
const LOOK_AGAIN_MS = 100

/** What the payer holds; token minor units. */
export async function balanceOf(home: HomeProcesses): Promise<bigint> {
  const { payer } = await home.api<{ payer: { balance: string } }>('/v1/status')
  return BigInt(payer.balance)
}

/**
 * What is wrong once all has settled, as sentences: rows, the payer's money to the unit since `before`, and the audit.
 * A block that a kill took away comes back after a while, so it looks until nothing is wrong, or for a minute.
 */
export async function problemsOf(
  home: HomeProcesses,
  devices: readonly Buyer[],
  paid: { before: bigint; orders: number },
): Promise<string[]> {
  const endMs = performance.now() + SETTLED_WITHIN_MS
  for (;;) {
    const problems = await lookForProblems(home, devices, paid).catch((error: unknown) => [String(error)])
    if (problems.length === 0 || performance.now() > endMs) return problems
    await setTimeout(LOOK_AGAIN_MS)
  }
}

/** Orders that have not ended, as gateway and shop know them: to explain why a round waits in vain. */
export function unfinished({ folder }: HomeProcesses): string[] {
  const rows = (file: string, sql: string) => {
    const db = new Database(file, { readonly: true })
    try {
      return db
        .prepare(sql)
        .all()
        .map((row) => JSON.stringify(row))
    } finally {
      db.close()
    }
  }
  return [
    ...rows(
      join(folder, 'gateway.db'),
      `SELECT 'gateway', device_id, orders.state, orders.next_at_ms, failures, authorization_id, authorizations.state AS held, transactions.state AS tx,
         kind, message.attempts, message.next_at_ms AS told_at_ms, acknowledged_at_ms
       FROM orders LEFT JOIN authorizations USING (order_id, attempt) LEFT JOIN transactions USING (tx_hash)
       LEFT JOIN seller_messages AS message USING (authorization_id) WHERE orders.state <> 'completed'`,
    ),
    ...rows(
      join(folder, 'shop', 'merchant.db'),
      `SELECT 'shop', authorization_id, orders.state, next_at_ms, failures, problem, transactions.state AS tx, transactions.nonce, block_number
       FROM orders LEFT JOIN transactions USING (tx_hash) WHERE orders.state <> 'paid'`,
    ),
    ...rows(
      join(folder, 'shop', 'merchant.db'),
      `SELECT 'open', nonce, purpose, created_at_ms FROM transactions WHERE state = 'sent'`,
    ),
  ]
}

async function lookForProblems(
  home: HomeProcesses,
  devices: readonly Buyer[],
  { before, orders }: { before: bigint; orders: number },
): Promise<string[]> {
  const { differing, unread, first } = await home.audit()
  const spent = before - (await balanceOf(home))
  const price = BigInt(orders) * PRICE_MINOR_UNITS
  return [
    ...devices.flatMap((device) => device.problems().map((problem) => `${device.deviceId}: ${problem}`)),
    ...(spent === price ? [] : [`${spent} minor units were spent, not ${price}.`]),
    ...(differing + unread === 0 ? [] : [`The audit finds ${differing} rows that differ. ${first?.why ?? ''}`]),
  ]
}
