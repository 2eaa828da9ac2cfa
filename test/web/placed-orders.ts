import type { Address, Hex32 } from '../../gateway/domain/identifiers.ts'
import type { Terms } from '../../gateway/domain/mandate.ts'
import type { ChainFacts } from '../../gateway/ports/chain.ts'
import type { OrderActions, OrderView } from '../../gateway/ports/orders.ts'

export const NOW_MS = 1_763_784_000_000
export const HOME = 'home'
export const FACTS: ChainFacts = {
  registry: `0x${'9'.repeat(40)}`,
  chainId: 31337,
  escrow: `0x${'e5'.repeat(20)}`,
  token: { address: `0x${'70'.repeat(20)}`, symbol: 'USDT', decimals: 6 },
}
export const PAYER: Address = `0x${'aa'.repeat(20)}`
export const ZERO: Hex32 = `0x${'00'.repeat(32)}`

/** An order that a seller has quoted and that was placed. */
export function placedOrder(orderId: string, changes: Partial<OrderView> = {}): OrderView {
  return {
    orderId,
    homeId: HOME,
    deviceId: 'washer',
    slot: 'detergent',
    gtin: '4006381333931',
    quantity: 1,
    mode: 'ask',
    state: 'authorized',
    stateChangedAtMs: NOW_MS,
    attempt: 1,
    createdAtMs: NOW_MS,
    reasons: ['Detergent is at 200 of 1400 ml, below 20 %.'],
    quote: {
      orderId,
      attempt: 1,
      buyer: PAYER,
      seller: `0x${'5e'.repeat(20)}`,
      token: FACTS.token.address,
      gtin: '4006381333931',
      productName: 'Detergent',
      packSize: 1400,
      contentUnit: 'ml',
      quantity: 1,
      totalMinorUnits: 12_490_000n,
      validBeforeSeconds: 1_763_784_900,
      shipWithinSeconds: 604_800,
    },
    authorizationId: undefined,
    evidence: [],
    steps: [
      {
        attempt: 1,
        fromState: 'quoted',
        toState: 'authorized',
        atMs: NOW_MS,
        reason: 'Funds are held.',
        amountMinorUnits: 12_490_000n,
        txHash: ZERO,
      },
    ],
    ...changes,
  }
}

export function actionsOn(orders: OrderView[], asked: unknown[]): OrderActions {
  const answer = (verb: string, orderId: string, who: string, more: object = {}) => {
    asked.push({ verb, orderId, who, ...more })
    const { state } = orders.find((order) => order.orderId === orderId)!
    return state === 'completed'
      ? ({ ok: false, sentence: 'This order is completed already.' } as const)
      : ({ ok: true, sentence: `Noted: ${verb}.` } as const)
  }
  return {
    list: async (_homeId, limit) => orders.slice(0, limit),
    get: async (_homeId, orderId) => orders.find((order) => order.orderId === orderId),
    received: async (_homeId, orderId, who) => answer('received', orderId, who),
    cancel: async (_homeId, orderId, who, signature) => answer('cancel', orderId, who, signature && { signature }),
    dispute: async (_homeId, orderId, who, signature) => answer('dispute', orderId, who, signature && { signature }),
    settlement: async (_homeId, _orderId, { toSeller, validBefore = 2_000_000_000 }) => ({
      ...{ ok: true, terms: {} as Terms, heldMinorUnits: 12_490_000n, sellerSays: undefined },
      sellersOffer: { toSeller: 5_000_000n, validBefore: 1_900_000_000, signature: '0x01' },
      settlement: toSeller === undefined ? undefined : { toSeller, validBefore },
    }),
    settle: async (_homeId, orderId, { who, ...request }) => answer('settle', orderId, who, request),
    typedData: async (_homeId, _orderId, word) => ({ ok: true, typedData: { primaryType: word.kind } }),
    consent: async (_homeId, orderId, yesOrNo, who, seenMinorUnits) =>
      answer('consent', orderId, who, { answer: yesOrNo, ...(seenMinorUnits !== undefined && { seenMinorUnits }) }),
  }
}
