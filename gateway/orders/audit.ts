import { setTimeout } from 'node:timers/promises'
import { formatMoney } from '../domain/money.ts'
import type { OrderState } from '../domain/order.ts'
import type { AuditedAuthorization, AuditedMandate, AuditStore } from '../ports/audit.ts'
import type { Chain, Hold, HoldState, MandateStatus } from '../ports/chain.ts'

/** A row that is behind the chain is looked at again until the watcher has read as far, or for so long. */
const PATIENCE_MS = 15_000
const LOOK_AGAIN_MS = 500
/** Rows that are asked about at once. */
const ROWS_AT_ONCE = 16

export type Audit =
  | { kind: 'progress'; rows: number; ofRows: number }
  | {
      kind: 'done'
      authorizations: number
      mandates: number
      /** Of this home, in the escrow; token minor units. */
      inEscrow: bigint
      inEscrowText: string
      differing: number
      /** Rows that differ by blocks which are not confirmed, or not read yet. */
      unread: number
      /** Authorizations in the order in which they were made, then mandates, orders, and the escrow as a whole. */
      first: AuditDifference | undefined
    }
export type AuditDifference = { table: 'authorizations' | 'mandates' | 'orders' | 'escrow'; id: string; why: string }

/** What the chain says, as text, and why the row is not the same. */
type Look = { seen: string; why: string | undefined; inEscrow: bigint }

type Parts = { store: AuditStore; chain: Pick<Chain, 'hold' | 'mandateStatus' | 'head' | 'funds' | 'facts'> }

/**
 * Compares every payment and mandate of a home with the contract's own record, to the unit. Changes nothing. The database
 * learns from the chain's logs, so a row may be behind: only what still differs after those blocks were read counts.
 */
export async function* audit(
  parts: Parts & { nudge(): unknown; patienceMs?: number },
  homeId: string,
): AsyncGenerator<Audit> {
  const { store, chain } = parts
  const money = (amount: bigint) => formatMoney(amount, chain.facts.token)
  const authorizations = await store.authorizations(homeId)
  const mandates = await store.mandates(homeId)
  const rows = [
    ...authorizations.map((id) => ({ table: 'authorizations' as const, id, look: () => lookAtPayment(parts, id) })),
    ...mandates.map((id) => ({ table: 'mandates' as const, id, look: () => lookAtMandate(parts, id) })),
  ]
  const differences: AuditDifference[] = []
  let unread = 0
  let inEscrow = 0n
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const looks = await Promise.all(
      rows
        .slice(from, from + ROWS_AT_ONCE)
        .map(async ({ table, id, look }) => ({ table, id, ...(await settled(look)) })),
    )
    for (const { table, id, why, isRead, inEscrow: held } of looks) {
      inEscrow += held
      if (why !== undefined && isRead) differences.push({ table, id, why })
      else if (why !== undefined) unread += 1
    }
    yield { kind: 'progress', rows: Math.min(rows.length, from + ROWS_AT_ONCE), ofRows: rows.length }
  }
  for (const { orderId, deviceId, slot, state } of await store.ordersWithoutHold(homeId)) {
    const why = `The order for ${deviceId} ${slot} is ${state}, but there is no authorization that holds its money.`
    differences.push({ table: 'orders', id: orderId, why })
  }
  const { balance } = await chain.funds(chain.facts.escrow)
  if (balance < inEscrow) {
    const why = `The escrow holds ${money(balance)}, less than the ${money(inEscrow)} of this home's orders.`
    differences.push({ table: 'escrow', id: chain.facts.escrow, why })
  }
  yield {
    kind: 'done',
    authorizations: authorizations.length,
    mandates: mandates.length,
    inEscrow,
    inEscrowText: money(inEscrow),
    differing: differences.length,
    unread,
    first: differences[0],
  }

  /** Looks until row and chain agree, or the watcher has read all that the chain showed. */
  async function settled(look: () => Promise<Look>): Promise<Look & { isRead: boolean }> {
    const endAtMs = performance.now() + (parts.patienceMs ?? PATIENCE_MS)
    let shown: { seen: string; atBlock: number } | undefined
    for (;;) {
      const readUntil = await store.readUntilBlock()
      const now = await look()
      if (now.why === undefined) return { ...now, isRead: true }
      if (shown?.seen !== now.seen) shown = { seen: now.seen, atBlock: (await chain.head()).blockNumber }
      else if ((readUntil ?? -1) >= shown.atBlock) return { ...now, isRead: true }
      else if (performance.now() >= endAtMs) return { ...now, isRead: false }
      else await setTimeout(LOOK_AGAIN_MS)
      await parts.nudge()
    }
  }
}

async function lookAtPayment({ store, chain }: Parts, id: Parameters<AuditStore['authorization']>[0]): Promise<Look> {
  const { terms } = await store.authorization(id)
  const hold = await chain.hold(terms)
  const row = await store.authorization(id)
  const isHeld = hold.state === 'authorized' || hold.state === 'shipped' || hold.state === 'disputed'
  const seen = `${hold.state} ${hold.amount}`
  return { seen, why: paymentDifference(row, hold, chain.facts.token), inEscrow: isHeld ? hold.amount : 0n }
}

/** The record that each state of a row stands for. */
const RECORDS: Record<string, HoldState> = {
  ...{ sent: 'none', refused: 'none', held: 'authorized', shipped: 'shipped', disputed: 'disputed' },
  ...{ captured: 'captured', settled: 'settled', decided: 'decided' },
  ...{ cancelled: 'cancelled', declined: 'declined', reclaimed: 'reclaimed' },
}
/** The states that an order may have while its payment is in this one. */
const ORDERS: Partial<Record<string, readonly OrderState[]>> = {
  ...{ held: ['authorized', 'due'], shipped: ['shipped', 'delivered'], disputed: ['disputed'] },
  ...{ captured: ['completed', 'refunded'], settled: ['settled'], decided: ['decided'] },
  ...{ cancelled: ['cancelled'], reclaimed: ['reclaimed'], sent: ['quoted'], refused: ['quoted'] },
}
/** An order in one of these waits for no payment: what is held of it is given back on its own. */
const UNPAID_STATES: readonly OrderState[] = ['needed', 'awaiting-consent', 'dropped']

function paymentDifference(row: AuditedAuthorization, hold: Hold, token: Chain['facts']['token']): string | undefined {
  const money = (amount: bigint) => formatMoney(amount, token)
  const what = `The payment of order ${row.orderId} for ${row.deviceId} ${row.slot}`
  const state = RECORDS[row.state]
  const amount = amountOf(row)
  if (state !== hold.state || (amount !== undefined && amount !== hold.amount)) {
    const says = amount === undefined ? row.state : `${row.state}, ${money(amount)}`
    return `${what}: the database says ${says}; the chain says ${hold.state}, ${money(hold.amount)}.`
  }
  const orders = ORDERS[row.state] ?? []
  if (!row.isCurrent || UNPAID_STATES.includes(row.orderState) || orders.includes(row.orderState)) return undefined
  return `${what} is ${row.state} on chain too, but the order is ${row.orderState}.`
}

/** What the contract's record must hold; undefined: its log came when no order waited for it, and was not noted. */
function amountOf({ state, terms, withSeller }: AuditedAuthorization): bigint | undefined {
  switch (state) {
    case 'held':
    case 'shipped':
    case 'disputed':
      return terms.amount
    case 'captured':
    case 'settled':
    case 'decided':
      return withSeller
    default:
      return 0n
  }
}

async function lookAtMandate({ store, chain }: Parts, hash: Parameters<AuditStore['mandate']>[0]): Promise<Look> {
  const { file } = await store.mandate(hash)
  const status = await chain.mandateStatus(file.mandate)
  const row = await store.mandate(hash)
  const seen = `${status.status} ${status.lastNonce} ${status.openOrders}`
  return { seen, why: mandateDifference(row, status), inEscrow: 0n }
}

function mandateDifference(row: AuditedMandate, status: MandateStatus): string | undefined {
  const what = `The mandate of ${row.deviceId}`
  // The registry ends a mandate without a word to the escrow.
  const expected = row.state === 'signed' ? 'unknown' : row.state === 'ended' ? 'granted' : row.state
  if (status.status !== expected) return `${what}: the database says ${row.state}, the chain ${status.status}.`
  if (status.lastNonce > row.lastNonce) {
    return `${what}: the chain has seen its authorization ${status.lastNonce}, the database only ${row.lastNonce}. Somebody else orders with its key, or this database is older than the chain.`
  }
  if (status.openOrders === row.openOrders) return undefined
  return `${what}: the database knows ${row.openOrders} open orders under it, the chain ${status.openOrders}.`
}
