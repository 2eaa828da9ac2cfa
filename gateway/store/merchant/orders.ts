import { type Gtin, gtin14, type Hex32 } from '../../domain/identifiers.ts'
import { SELLER_ORDER_TRANSITIONS, type SellerOrderState } from '../../domain/seller-order.ts'
import type { SettlementOffer } from '../../domain/settlement.ts'
import { jsonText } from '../../lib/json.ts'
import type { SignedTransaction } from '../../ports/chain.ts'
import type { SellerOrder, SellerOrderStep, SellerOrderStore } from '../../ports/merchant.ts'
import type { Db } from '../database.ts'
import { insertTransaction } from '../transactions.ts'
import { fromRow, type Row, SELECT } from './order-rows.ts'

type Accept = SellerOrderStore['accept']
type How = { atMs: number; nextAtMs: number | undefined; reason: string }

/** The order is no longer in the state that a step started from: somebody else moved it first. */
export class StaleSellerOrderError extends Error {
  constructor(authorizationId: Hex32, from: SellerOrderState) {
    super(`The order ${authorizationId} is not ${from} any more.`)
    this.name = 'StaleSellerOrderError'
  }
}

/** The seller's orders, their steps, and the transactions that carry them. */
export function sellerOrderStore(db: Db): SellerOrderStore {
  const byId = db.prepare<[string], Row>(`${SELECT} WHERE o.authorization_id = ?`)
  const newest = db.prepare<[number], Row>(`${SELECT} ORDER BY o.order_number DESC LIMIT ?`)
  const due = db.prepare<[number, number], Row>(
    `${SELECT} WHERE o.next_at_ms <= ? ORDER BY o.next_at_ms, o.order_number LIMIT ?`,
  )
  const nextDue = db.prepare<[], number | null>('SELECT min(next_at_ms) FROM orders').pluck()
  const underWay = db
    .prepare<[string], number | null>(
      `SELECT max(created_at_ms) FROM transactions AS tx
       WHERE tx.state = 'sent' AND EXISTS (SELECT 1 FROM orders WHERE orders.tx_hash = tx.tx_hash AND orders.state = ?)`,
    )
    .pluck()
  const promised = db
    .prepare<[string], number>(
      `SELECT coalesce(sum(quantity), 0) FROM orders
       WHERE gtin14 = ? AND state NOT IN ('refusing', 'declining', 'declined', 'cancelled')`,
    )
    .pluck()
  const stepsOf = db.prepare<[string], SellerOrderStep & { fromState: SellerOrderState | null }>(
    `SELECT from_state AS fromState, to_state AS toState, at_ms AS atMs, reason FROM order_steps
     WHERE authorization_id = ? ORDER BY step_id`,
  )
  const quoteUsed = db.prepare<[string], 1>('SELECT 1 FROM orders WHERE quote_hash = ?').pluck()
  const insert = db.prepare(
    `INSERT INTO orders (authorization_id, quote_hash, quote, terms, gtin14, quantity, state, held_since_seconds, next_at_ms, problem)
     VALUES (@authorizationId, @quoteHash, @quote, @terms, @gtin14, @quantity, @state, @heldSinceSeconds, @nextAtMs, @problem)`,
  )
  const insertStep = db.prepare(
    'INSERT INTO order_steps (authorization_id, from_state, to_state, at_ms, reason) VALUES (?, ?, ?, ?, ?)',
  )
  const update = db.prepare(
    `UPDATE orders SET state = @to, next_at_ms = @nextAtMs, problem = coalesce(@problem, problem),
            failures = CASE WHEN @to IN ('shipped', 'paid', 'declined', 'refunded') THEN 0 ELSE failures END
     WHERE authorization_id = @authorizationId AND state = @from`,
  )
  const setPacked = db.prepare(
    'UPDATE orders SET carrier = ?, sscc = ?, notice = ?, shipment = ? WHERE authorization_id = ?',
  )
  const setConfirmation = db.prepare(
    'UPDATE orders SET confirmed_deliveries = ?, confirmation_signature = ? WHERE authorization_id = ?',
  )
  const setOffer = db.prepare<[string, string], { state: SellerOrderState }>(
    'UPDATE orders SET offered = ? WHERE authorization_id = ? RETURNING state',
  )
  const setWish = db.prepare(
    `UPDATE orders SET wish = @wish, settlement = coalesce(@settlement, settlement), failures = 0,
            next_at_ms = CASE WHEN @settlement IS NULL THEN @atMs ELSE next_at_ms END
     WHERE authorization_id = @authorizationId AND state = @state`,
  )
  const setAside = db.prepare(
    `UPDATE orders SET tx_hash = @txHash, next_at_ms = @nextAtMs, failures = failures + 1
     WHERE authorization_id = @authorizationId AND state = @state`,
  )
  const setRefund = db.prepare('UPDATE orders SET refund_amount = ? WHERE authorization_id = ?')
  const setTransaction = db.prepare('UPDATE orders SET tx_hash = ? WHERE authorization_id = ?')
  const clearFailures = db.prepare('UPDATE orders SET failures = 0 WHERE authorization_id = ?')
  const setLater = db.prepare(
    `UPDATE orders SET next_at_ms = @nextAtMs, failures = failures + @failed,
            problem = CASE WHEN @failed = 1 THEN @problem ELSE problem END
     WHERE authorization_id = @authorizationId AND state = @state`,
  )

  function moveRow(id: Hex32, from: SellerOrderState, to: SellerOrderState, { atMs, nextAtMs, reason }: How): void {
    const legal: readonly SellerOrderState[] = SELLER_ORDER_TRANSITIONS[from]
    if (!legal.includes(to)) throw new Error(`An order of this shop cannot go from ${from} to ${to}.`)
    const { changes } = update.run({
      authorizationId: id,
      from,
      to,
      nextAtMs: nextAtMs ?? null,
      problem: problemAfter(to, reason),
    })
    if (changes !== 1) throw new StaleSellerOrderError(id, from)
    insertStep.run(id, from, to, atMs, reason)
  }

  const store = {
    accept: db.transaction((order: Parameters<Accept>[0], start: Parameters<Accept>[1], atMs: number) => {
      const { quoteHash, quote, terms, heldSinceSeconds } = order
      if (byId.get(terms.authorizationId) !== undefined) return 'exists' as const
      if (quoteUsed.get(quoteHash) !== undefined) return 'quote-used' as const
      insert.run({
        authorizationId: terms.authorizationId,
        quoteHash,
        quote: jsonText(quote),
        terms: jsonText(terms),
        gtin14: gtin14(quote.gtin),
        quantity: quote.quantity,
        state: start.state,
        heldSinceSeconds,
        nextAtMs: start.nextAtMs,
        problem: problemAfter(start.state, start.reason),
      })
      insertStep.run(terms.authorizationId, null, start.state, atMs, start.reason)
      return 'accepted' as const
    }),
    move: db.transaction(moveRow),
    pack: db.transaction((ids: Hex32[], packed: NonNullable<SellerOrder['packed']>, atMs: number) => {
      const reason = `packed as ${packed.sscc} for ${packed.carrier}`
      for (const id of ids) {
        moveRow(id, 'accepted', 'packed', { atMs, nextAtMs: atMs, reason })
        setPacked.run(packed.carrier, packed.sscc, packed.notice, packed.shipment, id)
      }
    }),
    confirm: db.transaction(
      (ids: Hex32[], { deliveries, signature }: NonNullable<SellerOrder['confirmation']>, atMs: number) => {
        const reason = 'the buyer signed that the goods arrived'
        for (const id of ids) {
          if (byId.get(id)?.confirmation_signature !== null) continue
          moveRow(id, 'shipped', 'confirmed', { atMs, nextAtMs: atMs, reason })
          setConfirmation.run(jsonText(deliveries), signature, id)
          clearFailures.run(id)
        }
      },
    ),
    wantRefund: db.transaction((id: Hex32, amount: bigint, atMs: number) => {
      moveRow(id, 'paid', 'returning', { atMs, nextAtMs: atMs, reason: `${amount} minor units are to be given back` })
      setRefund.run(amount.toString(), id)
      clearFailures.run(id)
    }),
    keepOffer: db.transaction((id: Hex32, offer: SettlementOffer, reason: string, atMs: number) => {
      const row = setOffer.get(jsonText(offer), id)
      if (row !== undefined) insertStep.run(id, row.state, row.state, atMs, reason)
    }),
    wish: db.transaction(
      (...[authorizationId, state, { wish, settlement }, reason, atMs]: Parameters<SellerOrderStore['wish']>) => {
        const kept = settlement === undefined ? null : jsonText(settlement)
        const { changes } = setWish.run({ authorizationId, state, wish: wish ?? null, settlement: kept, atMs })
        if (changes !== 1) throw new StaleSellerOrderError(authorizationId, state)
        insertStep.run(authorizationId, state, state, atMs, reason)
      },
    ),
    sendAside: db.transaction((...[authorizationId, state, tx, how]: Parameters<SellerOrderStore['sendAside']>) => {
      insertTransaction(db, tx, how.atMs)
      const { changes } = setAside.run({ authorizationId, state, txHash: tx.txHash, nextAtMs: how.nextAtMs })
      if (changes !== 1) throw new StaleSellerOrderError(authorizationId, state)
      insertStep.run(authorizationId, state, state, how.atMs, `transaction ${tx.txHash} is signed to ${tx.purpose}`)
    }),
    send: db.transaction(
      (
        ids: Hex32[],
        from: SellerOrderState,
        to: SellerOrderState,
        tx: SignedTransaction,
        how: { atMs: number; nextAtMs: number },
      ) => {
        insertTransaction(db, tx, how.atMs)
        for (const id of ids) {
          moveRow(id, from, to, { ...how, reason: `transaction ${tx.txHash} is signed` })
          setTransaction.run(tx.txHash, id)
        }
      },
    ),
  }

  return {
    accept: async (order, start, atMs) => store.accept.immediate(order, start, atMs),
    get: async (id) => {
      const row = byId.get(id)
      return row === undefined ? undefined : fromRow(row)
    },
    list: async (limit) => newest.all(limit).map(fromRow),
    steps: async (id) => stepsOf.all(id).map((step) => ({ ...step, fromState: step.fromState ?? undefined })),
    due: async (nowMs, limit) => due.all(nowMs, limit).map(fromRow),
    nextDueAtMs: async () => nextDue.get() ?? undefined,
    underWaySinceMs: async (state) => underWay.get(state) ?? undefined,
    promisedPacks: async (gtin: Gtin) => promised.get(gtin14(gtin))!,
    move: async (id, from, to, how) => store.move.immediate(id, from, to, how),
    pack: async (ids, packed, atMs) => store.pack.immediate(ids, packed, atMs),
    confirm: async (ids, confirmation, atMs) => store.confirm.immediate(ids, confirmation, atMs),
    wantRefund: async (id, amount, atMs) => store.wantRefund.immediate(id, amount, atMs),
    keepOffer: async (id, offer, reason, atMs) => store.keepOffer.immediate(id, offer, reason, atMs),
    wish: async (...wanted) => store.wish.immediate(...wanted),
    sendAside: async (...sent) => store.sendAside.immediate(...sent),
    send: async (ids, from, to, tx, how) => store.send.immediate(ids, from, to, tx, how),
    postpone: async (authorizationId, state, nextAtMs, failed) => {
      setLater.run({
        authorizationId,
        state,
        nextAtMs: nextAtMs ?? null,
        failed: failed === undefined ? 0 : 1,
        problem: failed ?? '',
      })
    },
  }
}

/** An order that ends unpaid keeps the reason as its problem (null: the one it has); on the way to payment it has none. */
function problemAfter(to: SellerOrderState, reason: string): string | null {
  if (to === 'declining' || to === 'declined') return null
  return to === 'refusing' || to === 'cancelled' || to === 'reclaimed' || to === 'disputed' ? reason : ''
}
