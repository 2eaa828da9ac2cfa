import { type Authorization, holdsAt, type Mandate, offerFor } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import { JOIN_NEXT_MS, SHIP_WITHIN_MS } from '../domain/timers.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { AuthorizationItem, Basket, Chain, DeviceSigner, Head, MandateStatus } from '../ports/chain.ts'
import type { OrderStore, OrderWork, UsableMandate } from '../ports/orders.ts'

/** Also the most that are looked at in one step; beyond 50 the cost per order hardly falls (CONTRACTS.md). */
export const ORDERS_PER_TRANSACTION = 50
/** A mandate that the chain does not know yet, or not any more after a reorg, is on its way: it is asked for again. */
const MANDATE_POLL_MS = 2_000
/** What could not be sent is tried again, until its quote ends; the homeowner hears of it after so many times. */
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 300_000
const TELL_AFTER_FAILURES = 4
/** One with no open order left too: an order that has just ended may be open on chain again for a while, by a reorg. */
const FULL_MANDATE_POLL_MS = 30_000
/** It is waited for no longer than this before the quote ends; then the order is dropped, and told. */
const DECIDED_BEFORE_QUOTE_ENDS_MS = 120_000
/** Time after a quote's end in which its authorization may still be found in a block. */
const LATE_BLOCK_MS = 60_000

export type QuotedOrder = OrderWork & { state: 'quoted'; quote: NonNullable<OrderWork['quote']> }
export type AuthorizingParts = { store: OrderStore; chain: Chain; signer: DeviceSigner }

type Prepared = { order: QuotedOrder; item: AuthorizationItem }

/**
 * Whether these wait for an authorization that is under way, to share the next transaction. They stay due: the watcher's
 * nudge takes them along at once when the chain has it. A full batch gains nothing by waiting.
 */
export async function isJoiningNext(quoted: QuotedOrder[], store: OrderStore, nowMs: number): Promise<boolean> {
  if (quoted.length === 0 || quoted.length >= ORDERS_PER_TRANSACTION) return false
  const sinceMs = await store.authorizingSinceMs()
  return sinceMs !== undefined && nowMs - sinceMs < JOIN_NEXT_MS
}

/**
 * Signs what is due together with the devices' keys and sends it as one transaction, one basket per payer. Each order is
 * first checked against its mandate as the chain knows it, so that nothing is sent that the contract would refuse.
 */
export async function authorizeTogether(orders: QuotedOrder[], parts: AuthorizingParts, nowMs: number): Promise<void> {
  const checks = new MandateChecks(parts.chain)
  const head = await parts.chain.head()
  const prepared: Prepared[] = []
  const faults: unknown[] = []
  for (const order of orders) {
    try {
      const outcome = await prepare(order, checks, head, parts, nowMs)
      if (outcome.kind === 'ready') prepared.push(outcome.prepared)
      else if (outcome.kind === 'waits') await parts.store.postpone(order, nowMs + outcome.forMs, nowMs)
      else await dropRefused(order, outcome.reason, parts, nowMs)
    } catch (error) {
      // One order that cannot be signed, or was moved meanwhile, does not keep the others.
      faults.push(error)
    }
  }
  if (prepared.length > 0) await sendTogether(prepared, parts, nowMs)
  if (faults.length > 0) throw faults[0]
}

function dropRefused(order: QuotedOrder, reason: string, parts: AuthorizingParts, nowMs: number): Promise<void> {
  const text = `${order.deviceId} ${order.slot} is not ordered: ${reason}`
  return parts.store.move(order, 'dropped', nowMs, { reason, tell: { kind: 'limit-reached', text } })
}

async function sendTogether(prepared: Prepared[], parts: AuthorizingParts, nowMs: number): Promise<void> {
  const baskets = byPayer(prepared)
  let isSigned = false
  const sending = parts.chain.authorize(
    baskets.map((basket): Basket => basket.map(({ item }) => item)),
    (tx) => {
      isSigned = true
      return parts.store.saveAuthorizations(
        tx,
        baskets.flatMap((basket, index) =>
          basket.map(({ order, item }) => ({
            order,
            authorizationId: parts.chain.authorizationId(item.authorization),
            terms: parts.chain.termsOf(item),
            item,
            basket: index,
            nextAtMs: item.authorization.validBefore * 1000 + LATE_BLOCK_MS,
          })),
        ),
        nowMs,
      )
    },
  )
  await sending.catch(async (error: unknown) => {
    if (isSigned) throw error
    // Nothing was saved: the chain is away, asks more than the fee cap, or the relayer has no gas.
    for (const { order } of prepared) await tryLater(order, sentenceOf(error), parts, nowMs)
  })
}

function tryLater(order: QuotedOrder, sentence: string, parts: AuthorizingParts, nowMs: number): Promise<void> {
  return parts.store.postpone(order, nowMs + backoffMs(order.failures, FIRST_RETRY_MS, LONGEST_RETRY_MS), nowMs, {
    reason: `${order.deviceId} ${order.slot} cannot be ordered yet: ${sentence}`,
    tell: order.failures + 1 === TELL_AFTER_FAILURES ? 'problem' : undefined,
  })
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function prepare(
  order: QuotedOrder,
  checks: MandateChecks,
  head: Head,
  parts: AuthorizingParts,
  nowMs: number,
): Promise<
  { kind: 'ready'; prepared: Prepared } | { kind: 'waits'; forMs: number } | { kind: 'refused'; reason: string }
> {
  const { quote } = order.quote.signed
  if (order.suspendedReason !== '') return { kind: 'refused', reason: order.suspendedReason }
  const all = await parts.store.mandatesFor(order.deviceId, order.gtin)
  const mandates = all.filter(({ file }) => offerFor(file, quote) !== undefined)
  const mandate = mandates.find(({ file }) => holdsAt(file.mandate, head.timestampSeconds)) ?? mandates[0]
  const offer = mandate && offerFor(mandate.file, quote)
  if (mandate === undefined || offer === undefined) {
    return {
      kind: 'refused',
      reason: `No mandate covers it any more: sign one with \`adept mandate sign ${order.deviceId}\`.`,
    }
  }
  if (!(await checks.isKnown(mandate))) return { kind: 'waits', forMs: MANDATE_POLL_MS }
  const mayWait = nowMs < quote.validBeforeSeconds * 1000 - DECIDED_BEFORE_QUOTE_ENDS_MS
  if (mayWait && (await checks.isFull(mandate))) return { kind: 'waits', forMs: FULL_MANDATE_POLL_MS }
  const reason = await checks.take(mandate, quote.totalMinorUnits, head)
  if (reason !== undefined) return { kind: 'refused', reason }

  const nowSeconds = Math.max(head.timestampSeconds, Math.floor(nowMs / 1000))
  const shipWithinSeconds = Math.min(quote.shipWithinSeconds, SHIP_WITHIN_MS / 1000)
  const authorization: Authorization = {
    mandateHash: mandate.file.mandateHash,
    seller: quote.seller,
    offerLeaf: parts.chain.offerLeaf(offer),
    quantity: quote.quantity,
    total: quote.totalMinorUnits,
    quoteHash: order.quote.quoteHash,
    shipBy: nowSeconds + mandate.file.mandate.coolingOffSeconds + shipWithinSeconds,
    validBefore: quote.validBeforeSeconds,
    nonce: await checks.nextNonce(mandate),
  }
  const signature = await parts.signer.authorization(order.deviceId, authorization)
  const item = { authorization, file: mandate.file, gtin: offer.gtin, signature }
  return { kind: 'ready', prepared: { order, item } }
}

/** What the chain says of the mandates and wallets of one batch, less what the batch itself already takes of them. */
class MandateChecks {
  readonly #chain: Chain
  readonly #mandates = new Map<string, MandateStatus>()
  readonly #households = new Map<string, NonNullable<MandateStatus['household']>>()
  readonly #wallets = new Map<string, { balance: bigint; allowance: bigint }>()

  constructor(chain: Chain) {
    this.#chain = chain
  }

  /** Whether it was ever granted, on the chain as it is now. */
  async isKnown({ file }: UsableMandate): Promise<boolean> {
    return (await this.#stateOf(file)).status !== 'unknown'
  }

  /** Whether as many orders are open as it allows. */
  async isFull({ file }: UsableMandate): Promise<boolean> {
    return (await this.#stateOf(file)).openOrders >= file.mandate.maxOpenOrders
  }

  /** Reserves `total` of the mandate and the wallet; or says why it may not, as a sentence that says what to do. */
  async take({ file }: UsableMandate, total: bigint, head: Head): Promise<string | undefined> {
    const { mandate } = file
    const money = (minorUnits: bigint) => formatMoney(minorUnits, this.#chain.facts.token)
    const [state, wallet] = await Promise.all([this.#stateOf(file), this.#walletOf(mandate.payer)])
    if (state.status === 'revoked') return 'The mandate is revoked: sign a new one if it should buy again.'
    if (head.timestampSeconds < mandate.start) return 'The mandate does not hold yet.'
    if (head.timestampSeconds >= mandate.end) return 'The mandate has ended: sign a new one with `adept mandate sign`.'
    if (total > mandate.maxPerOrder)
      return `It costs ${money(total)}, the mandate allows ${money(mandate.maxPerOrder)} per order.`
    if (state.spent + total > mandate.allowance) {
      return `It costs ${money(total)}, but ${money(state.spent)} of the period's ${money(mandate.allowance)} are spent.`
    }
    const shared = this.#sharedBy(mandate, state)
    if (shared !== undefined && shared.spent + total > shared.allowance) {
      return `It costs ${money(total)}, but ${money(shared.spent)} of the household's ${money(shared.allowance)} for this period are spent.`
    }
    if (state.openOrders >= mandate.maxOpenOrders)
      return `The mandate allows ${mandate.maxOpenOrders} open orders at a time.`
    if (wallet.balance < total) return `It costs ${money(total)}, the wallet holds ${money(wallet.balance)}: top it up.`
    if (wallet.allowance < total) {
      return `It costs ${money(total)}, but the wallet lets the escrow take only ${money(wallet.allowance)}: raise the allowance.`
    }
    state.spent += total
    if (shared !== undefined) shared.spent += total
    state.openOrders += 1
    wallet.balance -= total
    wallet.allowance -= total
    return undefined
  }

  /** Rises strictly per mandate, past what is saved, on chain, and in this batch. */
  async nextNonce({ file, lastNonce }: UsableMandate): Promise<number> {
    const state = await this.#stateOf(file)
    state.lastNonce = Math.max(state.lastNonce, lastNonce) + 1
    return state.lastNonce
  }

  async #stateOf(file: UsableMandate['file']) {
    const known = this.#mandates.get(file.mandateHash)
    if (known !== undefined) return known
    const state = { ...(await this.#chain.mandateStatus(file.mandate)) }
    this.#mandates.set(file.mandateHash, state)
    return state
  }

  /** One tally for all mandates that share the cap. */
  #sharedBy({ payer, token, household }: Mandate, state: MandateStatus) {
    const key = `${payer}:${token}:${household}`
    const known = this.#households.get(key)
    if (known !== undefined || state.household === undefined) return known
    const shared = { ...state.household }
    this.#households.set(key, shared)
    return shared
  }

  async #walletOf(payer: `0x${string}`) {
    const known = this.#wallets.get(payer)
    if (known !== undefined) return known
    const wallet = { ...(await this.#chain.funds(payer)) }
    this.#wallets.set(payer, wallet)
    return wallet
  }
}

function byPayer(prepared: Prepared[]): Prepared[][] {
  const baskets = new Map<string, Prepared[]>()
  for (const one of prepared) {
    const { payer, token } = one.item.file.mandate
    const key = `${payer}:${token}`
    baskets.set(key, [...(baskets.get(key) ?? []), one])
  }
  return [...baskets.values()]
}
