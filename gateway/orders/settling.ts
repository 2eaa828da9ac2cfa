import type { HexBytes } from '../domain/identifiers.ts'
import type { Terms } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import {
  LONGEST_OFFER_SECONDS,
  OFFER_VALID_SECONDS,
  type Settlement,
  type SettlementOffer,
} from '../domain/settlement.ts'
import type { Chain, PayerWallet } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  ActionResult,
  OrderActionStore,
  OrderStore,
  OrderWork,
  Refused,
  SettlementView,
  SettleRequest,
  WantedSplit,
} from '../ports/orders.ts'
import type { Seller } from '../ports/seller.ts'
import { no, yes } from './results.ts'

export type SettlingParts = {
  store: OrderActionStore
  orders: OrderStore
  chain: Chain
  seller: Pick<Seller, 'offer' | 'offered'>
  /** The gateway's own; only beside the embedded chain. */
  wallet: PayerWallet | undefined
  clock: Clock
}

/** The log of a settlement is waited for so long before the order is looked at again. */
const LOOK_AGAIN_MS = 10 * 60_000

/**
 * What is held for an order, what its seller would take, and what the payer is to sign for a split. When the seller offers
 * just that, its time holds; else `validBefore`, or a week from now.
 */
export async function lookAtSettlement(
  order: OrderWork,
  wanted: WantedSplit,
  parts: { chain: Chain; seller: Pick<Seller, 'offered'>; clock: Clock },
): Promise<SettlementView | Refused> {
  const { authorization } = order
  if (authorization === undefined) return no(`The order is ${order.state}: no money is held for it.`)
  const { terms } = authorization
  const [hold, nowSeconds] = await Promise.all([parts.chain.hold(terms), chainSeconds(parts)])
  if (hold.state !== 'authorized' && hold.state !== 'shipped' && hold.state !== 'disputed') {
    return no(
      `On the chain the order is ${hold.state}: there is nothing to settle${hold.state === 'none' ? ' yet' : ''}.`,
    )
  }
  const asked = await parts.seller.offered(order.quote?.sellerUrl ?? '', terms.authorizationId)
  const sellersOffer = asked.kind === 'offered' ? await binding(asked.offer, terms, nowSeconds, parts) : undefined
  const sellerSays = asked.kind === 'offered' ? undefined : asked.reason
  const view = {
    ok: true as const,
    terms,
    heldMinorUnits: hold.amount,
    sellersOffer,
    sellerSays,
    settlement: undefined,
  }
  const { toSeller } = wanted
  if (toSeller === undefined) return view
  if (toSeller > hold.amount) {
    return no(`Only ${formatMoney(hold.amount, parts.chain.facts.token)} is held for this order.`)
  }
  const validBefore =
    wanted.validBefore ??
    (sellersOffer?.toSeller === toSeller ? sellersOffer.validBefore : nowSeconds + OFFER_VALID_SECONDS)
  if (validBefore <= nowSeconds) return no('The time of this offer is over: make it anew.')
  if (validBefore > nowSeconds + LONGEST_OFFER_SECONDS) return no('An offer is good for 90 days at most.')
  return { ...view, settlement: { toSeller, validBefore } }
}

/**
 * Ends an order by agreement. When the seller has signed the very split, it is sent to the chain; else the seller gets the
 * payer's signature, and may send it.
 */
export async function settleOrder(
  order: OrderWork,
  request: SettleRequest,
  parts: SettlingParts,
): Promise<ActionResult> {
  const { chain, clock } = parts
  const view = await lookAtSettlement(order, request, parts)
  if (!view.ok) return view
  const { terms, sellersOffer } = view
  const settlement = view.settlement!
  const signature = await payersSignature(terms, settlement, request.by, parts)
  if (signature === undefined) {
    return no(
      request.by === 'gateway-wallet'
        ? `Only the wallet ${terms.payer} can sign this: let it sign what --typed-data prints.`
        : `This is no signature of ${terms.payer} over this split. Sign the typed data of this very amount and time with that wallet.`,
    )
  }
  const money = (minorUnits: bigint) => formatMoney(minorUnits, chain.facts.token)
  const split = `${money(settlement.toSeller)} to the seller, ${money(view.heldMinorUnits - settlement.toSeller)} back to you`
  if (sellersOffer?.toSeller === settlement.toSeller && sellersOffer.validBefore === settlement.validBefore) {
    const nowMs = clock.nowMs()
    await chain.settle(terms, settlement, { payer: signature, seller: sellersOffer.signature }, (tx) =>
      parts.orders.saveTransaction(
        { ...tx, purpose: `${tx.purpose} for ${request.who}` },
        order,
        nextLook(order, nowMs),
        nowMs,
      ),
    )
    return yes(`You and the seller agree: ${split}. It is on its way to the chain.`)
  }
  const told = await parts.seller.offer(order.quote?.sellerUrl ?? '', terms.authorizationId, {
    ...settlement,
    signature,
  })
  if (told.kind !== 'acknowledged') return no(`The seller does not take the offer: ${told.reason}`)
  const until = `${new Date(settlement.validBefore * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  await parts.store.note(order, `${request.who} offered to settle: ${split}, until ${until}.`, clock.nowMs())
  return yes(`Offered: ${split}. Nothing moves until the seller agrees; the offer binds you until ${until}.`)
}

/** An offer of the seller's that holds now; anything else counts as none. */
async function binding(
  offer: SettlementOffer | undefined,
  terms: Terms,
  nowSeconds: number,
  { chain }: { chain: Chain },
): Promise<SettlementOffer | undefined> {
  if (offer === undefined || offer.validBefore <= nowSeconds || offer.toSeller > terms.amount) return undefined
  const { signature, ...settlement } = offer
  const digest = chain.wordDigest({ kind: 'Settlement', authorizationId: terms.authorizationId, settlement })
  return (await chain.isSignedBy(terms.seller, digest, signature)) ? offer : undefined
}

async function payersSignature(
  { payer, authorizationId }: Terms,
  settlement: Settlement,
  by: 'gateway-wallet' | HexBytes,
  { chain, wallet }: SettlingParts,
): Promise<HexBytes | undefined> {
  const word = { kind: 'Settlement' as const, authorizationId, settlement }
  if (by === 'gateway-wallet') return wallet?.address === payer ? wallet.signWord(word) : undefined
  return (await chain.isSignedBy(payer, chain.wordDigest(word), by)) ? by : undefined
}

async function chainSeconds({ chain, clock }: { chain: Chain; clock: Clock }): Promise<number> {
  return Math.max((await chain.head()).timestampSeconds, Math.floor(clock.nowMs() / 1000))
}

/** Time is not lost if the transaction comes to nothing: the order goes its own way again. */
function nextLook(order: OrderWork, nowMs: number): number {
  const { terms } = order.authorization!
  if (order.state === 'due') return (terms.shipBy + 1) * 1000
  return order.state === 'authorized' ? order.stateChangedAtMs + terms.coolingOffSeconds * 1000 : nowMs + LOOK_AGAIN_MS
}
