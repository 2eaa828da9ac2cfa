import type { OrderState } from '../domain/order.ts'
import type { WatchedBlock, WatchStore } from '../ports/chain.ts'
import { chainEvents } from './chain-events.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { orderMoves } from './order-moves.ts'
import { about, ENDED, type OrderRow, orderOf } from './order-rows.ts'

/**
 * Block hashes that are kept to find the place where a reorg began; more than any confirmation setting. Counted, not by
 * height: after a long silence one step may be 1,000 blocks, and the last block before it must still be known.
 */
const KEPT_BLOCKS = 512

/** `WatchStore` over the gateway's database: the cursor, and what it learns from the chain, in one commit. */
export function sqliteWatchStore(
  db: Db,
  channels: readonly Channel[],
  formatAmount: (minorUnits: bigint) => string,
): WatchStore {
  const moves = orderMoves(db)
  const tell = notifier(db, channels)
  const apply = chainEvents(db, channels, formatAmount)
  const known = db.prepare<[], WatchedBlock>(
    'SELECT block_number AS blockNumber, block_hash AS blockHash FROM chain_blocks ORDER BY block_number',
  )
  const insertBlock = db.prepare('INSERT OR REPLACE INTO chain_blocks (block_number, block_hash) VALUES (?, ?)')
  const pruneBlocks = db.prepare(
    `DELETE FROM chain_blocks WHERE block_number <=
       (SELECT block_number FROM chain_blocks ORDER BY block_number DESC LIMIT 1 OFFSET ${KEPT_BLOCKS})`,
  )
  const orphanedOrders = db.prepare<[number], OrderRow & { orphan_from: OrderState; orphan_attempt: number }>(
    `SELECT orders.*, steps.from_state AS orphan_from, steps.attempt AS orphan_attempt FROM orders JOIN order_steps AS steps USING (order_id)
     WHERE steps.step_id = (SELECT MIN(step_id) FROM order_steps WHERE order_steps.order_id = orders.order_id AND block_number > ?)`,
  )
  const nextOrder = db.prepare<OrderRow, { order_id: string }>(
    `SELECT order_id FROM orders WHERE device_id = @device_id AND slot = @slot AND order_id <> @order_id AND state NOT IN (${ENDED})`,
  )
  const forgetSteps = db.prepare('UPDATE order_steps SET block_number = NULL WHERE block_number > ?')
  const forgetBlocks = db.prepare('DELETE FROM chain_blocks WHERE block_number > ?')
  const resend = db.prepare(
    `UPDATE transactions SET state = 'sent', block_number = NULL, block_hash = NULL WHERE block_number > ?`,
  )
  const unmoveMandates = db.prepare(
    `UPDATE mandates SET state = CASE WHEN state IN ('revoked', 'ended') THEN 'granted' ELSE 'signed' END, state_block = NULL WHERE state_block > ?`,
  )
  const homes = db.prepare<[], string>('SELECT home_id FROM homes').pluck()
  const coolingOffUntilMs = db
    .prepare<[string, number], number | null>(
      `SELECT (held_at_seconds + json_extract(terms, '$.coolingOffSeconds')) * 1000 FROM authorizations WHERE order_id = ? AND attempt = ?`,
    )
    .pluck()
  const putBackAuthorization = db.prepare('UPDATE authorizations SET state = ? WHERE order_id = ? AND attempt = ?')

  return {
    async known() {
      return known.all()
    },

    apply: inOneTransaction(db, (events, upTo, atMs) => {
      for (const event of events) {
        apply(event, atMs)
        insertBlock.run(event.blockNumber, event.blockHash)
      }
      insertBlock.run(upTo.blockNumber, upTo.blockHash)
      pruneBlocks.run()
    }),

    rewind: inOneTransaction(db, (lastGood, atMs) => {
      const height = lastGood?.blockNumber ?? -1
      for (const order of orphanedOrders.all(height)) {
        // A slot has one open order: an ended one stays ended when the next has begun, and its last log is read again.
        if (nextOrder.get(order) !== undefined) continue
        const reason = 'The chain took back the block that said so; it is looked up again.'
        const isCooling = order.orphan_from === 'authorized'
        const untilMs = (isCooling && coolingOffUntilMs.get(order.order_id, order.orphan_attempt)) || atMs
        const nextAtMs = Math.max(atMs, untilMs)
        moves.putBack(orderOf(order), order.orphan_from, order.orphan_attempt, { atMs, nextAtMs, reason })
        putBackAuthorization.run(authorizationStateAt(order.orphan_from), order.order_id, order.orphan_attempt)
        const text = `A correction: the chain took back what it said of ${order.device_id} ${order.slot}; its order is ${order.orphan_from} again.`
        tell({ ...about(order), kind: 'problem', text }, atMs)
      }
      forgetSteps.run(height)
      unmoveMandates.run(height)
      resend.run(height)
      forgetBlocks.run(height)
    }),

    tellHomes: inOneTransaction(db, (text, atMs) => {
      for (const homeId of homes.all()) tell({ homeId, kind: 'problem', text }, atMs)
    }),
  }
}

/** What an authorization is while its order is in this state. */
function authorizationStateAt(state: OrderState): string {
  if (state === 'authorized' || state === 'due') return 'held'
  if (state === 'shipped' || state === 'delivered') return 'shipped'
  return state === 'completed' ? 'captured' : state === 'disputed' ? 'disputed' : 'sent'
}
