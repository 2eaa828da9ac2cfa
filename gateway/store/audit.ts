import type { Hex32 } from '../domain/identifiers.ts'
import { MandateFile, Terms } from '../domain/mandate.ts'
import type { OrderState } from '../domain/order.ts'
import type { AuditedMandate, AuditStore } from '../ports/audit.ts'
import type { Db } from './database.ts'

type AuthorizationRow = {
  order_id: string
  device_id: string
  slot: string
  is_current: number
  order_state: OrderState
  state: string
  terms: string
}
type MandateRow = { device_id: string; state: AuditedMandate['state']; file: string; last_nonce: number; open: number }

/** `AuditStore` over the gateway's database. */
export function sqliteAuditStore(db: Db): AuditStore {
  const authorizations = db
    .prepare<[string], Hex32>(
      `SELECT authorization_id FROM authorizations JOIN orders USING (order_id) WHERE home_id = ? ORDER BY authorizations.rowid`,
    )
    .pluck()
  const authorization = db.prepare<[string], AuthorizationRow>(
    `SELECT order_id, device_id, slot, authorizations.attempt = orders.attempt AS is_current, orders.state AS order_state,
            authorizations.state AS state, terms
     FROM authorizations JOIN orders USING (order_id) WHERE authorization_id = ?`,
  )
  // A step of one state into itself is a refund of a part; what a reorg took back has lost its block.
  const moneySteps = db.prepare<[string], { from_state: string; to_state: string; amount: string }>(
    `SELECT from_state, to_state, amount FROM order_steps
     WHERE order_id = ? AND amount IS NOT NULL AND block_number IS NOT NULL ORDER BY step_id`,
  )
  const mandates = db
    .prepare<[string], Hex32>('SELECT mandate_hash FROM mandates WHERE home_id = ? ORDER BY created_at_ms, rowid')
    .pluck()
  const mandate = db.prepare<[string], MandateRow>(
    `SELECT device_id, state, file, last_nonce,
            (SELECT count(*) FROM authorizations WHERE terms ->> 'mandateHash' = mandate_hash
               AND authorizations.state IN ('held', 'shipped', 'disputed')) AS open
     FROM mandates WHERE mandate_hash = ?`,
  )
  const withoutHold = db.prepare<[string], { order_id: string; device_id: string; slot: string; state: OrderState }>(
    `SELECT order_id, device_id, slot, state FROM orders
     WHERE home_id = ? AND state IN ('authorized', 'due', 'shipped', 'delivered', 'disputed') AND NOT EXISTS (
       SELECT 1 FROM authorizations WHERE authorizations.order_id = orders.order_id AND authorizations.attempt = orders.attempt)
     ORDER BY created_at_ms`,
  )
  const newestBlock = db.prepare<[], number | null>('SELECT max(block_number) FROM chain_blocks').pluck()

  /** What was captured less what was given back, or the seller's part of a split. */
  function withSeller(orderId: string, held: bigint): bigint | undefined {
    let amount: bigint | undefined
    for (const { from_state, to_state, amount: text } of moneySteps.all(orderId)) {
      if (to_state === 'settled' || to_state === 'decided') amount = held - BigInt(text)
      else if (to_state === 'completed' && from_state !== 'completed') amount = BigInt(text)
      else if (from_state === 'completed' && amount !== undefined) amount -= BigInt(text)
    }
    return amount
  }

  return {
    async authorizations(homeId) {
      return authorizations.all(homeId)
    },
    async authorization(authorizationId) {
      const row = authorization.get(authorizationId)!
      const terms = Terms.parse(JSON.parse(row.terms))
      const isCurrent = row.is_current === 1
      return {
        authorizationId,
        orderId: row.order_id,
        deviceId: row.device_id,
        slot: row.slot,
        isCurrent,
        orderState: row.order_state,
        state: row.state,
        terms,
        withSeller: isCurrent ? withSeller(row.order_id, terms.amount) : undefined,
      }
    },
    async mandates(homeId) {
      return mandates.all(homeId)
    },
    async mandate(mandateHash) {
      const { device_id, state, file, last_nonce, open } = mandate.get(mandateHash)!
      const parsed = MandateFile.parse(JSON.parse(file))
      return { mandateHash, deviceId: device_id, state, file: parsed, lastNonce: last_nonce, openOrders: open }
    },
    async ordersWithoutHold(homeId) {
      return withoutHold
        .all(homeId)
        .map(({ order_id, device_id, slot, state }) => ({ orderId: order_id, deviceId: device_id, slot, state }))
    },
    async readUntilBlock() {
      return newestBlock.get() ?? undefined
    },
  }
}
