import type { HexBytes } from '../domain/identifiers.ts'
import type { Terms } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import { StaleOrderError } from '../domain/order.ts'
import { UNCONFIRMED_MS } from '../domain/timers.ts'
import type { DeviceSigner } from '../ports/chain.ts'
import type { ActionResult, OrderActions, OrderWork, Refused } from '../ports/orders.ts'
import { no, yes } from './results.ts'
import { lookAtSettlement, type SettlingParts, settleOrder } from './settling.ts'

export type OrderActionParts = SettlingParts & {
  signer: DeviceSigner
  /** Wakes the order worker: speed only. */
  onActed(): void
}

/** An order that moves between look and act is looked at again, this often. */
const MAX_LOOKS = 3

/** What the homeowner does to an order. Every verb may be repeated; a repeat says what is already so. */
export function orderActions(parts: OrderActionParts): OrderActions {
  return {
    list: (homeId, limit) => parts.store.views(homeId, limit),
    get: (homeId, orderId) => parts.store.view(homeId, orderId),

    received: (homeId, orderId, who) =>
      act(homeId, orderId, async (order) => {
        if (order.state === 'completed') return yes('The order is already complete.')
        if (order.state !== 'shipped' && order.state !== 'delivered') {
          return no(`The order is ${order.state}, not shipped: there is nothing to receive yet.`)
        }
        const added = await parts.store.addEvidence(
          order,
          'owner',
          `${who} says the goods are here.`,
          parts.clock.nowMs(),
        )
        const noted = added === 'known' ? 'Your word is already noted' : 'Noted'
        if (order.state === 'delivered') return yes(`${noted}: the inspection is over and the seller is paid.`)
        if (order.evidence.some((kind) => kind !== 'owner'))
          return yes(`${noted}: there is a second evidence, so the seller is paid.`)
        return yes(`${noted}. The seller is paid once a second evidence, such as the refill, is there.`)
      }),

    cancel: (homeId, orderId, who, signature) =>
      act(homeId, orderId, async (order) => {
        const nowMs = parts.clock.nowMs()
        switch (order.state) {
          case 'needed':
          case 'awaiting-consent':
            await drop({ ...order, state: order.state }, who, nowMs)
            return yes('Cancelled before anything was paid.')
          case 'quoted':
            if (order.authorization !== undefined)
              return no('Its payment is on the way to the chain: try again in a moment.')
            await drop({ ...order, state: 'quoted' }, who, nowMs)
            return yes('Cancelled before anything was paid.')
          case 'authorized':
          case 'due':
            return cancelHold(order, who, nowMs, signature)
          case 'cancelled':
          case 'dropped':
            return yes('The order is already cancelled.')
          default:
            return no(`The order is ${order.state}: it can no longer be cancelled.`)
        }
      }),

    dispute: (homeId, orderId, who, signature) =>
      act(homeId, orderId, async (order) => {
        switch (order.state) {
          case 'shipped':
          case 'delivered':
            return disputeHold(order, who, parts.clock.nowMs(), signature)
          case 'disputed':
            return yes('The order is already disputed: its money stays in escrow.')
          case 'completed':
            return no('The seller is paid already: ask it for a refund, which it can give for 30 days.')
          case 'authorized':
          case 'due':
            return no(`The order is ${order.state} and not shipped yet: cancel it instead.`)
          default:
            return no(`The order is ${order.state}: there is nothing to dispute.`)
        }
      }),

    consent: (homeId, orderId, answer, who, seenMinorUnits) =>
      act(homeId, orderId, async (order) => {
        if (order.state !== 'awaiting-consent' || order.quote === undefined) {
          return no(`The order is ${order.state}: it does not wait for your consent.`)
        }
        const { quote } = order.quote.signed
        const nowMs = parts.clock.nowMs()
        const price = formatMoney(quote.totalMinorUnits, parts.chain.facts.token)
        // The price may have risen since the page was drawn, or this is the repeat of a yes to the price before.
        if (answer === 'yes' && seenMinorUnits !== undefined && quote.totalMinorUnits > seenMinorUnits) {
          return no(`The price is ${price} now: look at it, and say yes again if you agree.`)
        }
        const shown = { quoteHash: order.quote.quoteHash, totalShown: quote.totalMinorUnits, answer, who, how: 'API' }
        await parts.store.addConsent(order, shown, nowMs)
        if (answer === 'yes') return yes(`Agreed to ${price}: the order goes on if the seller still holds that price.`)
        await drop({ ...order, state: 'awaiting-consent' }, who, nowMs)
        return yes('Nothing is bought.')
      }),

    settlement: (homeId, orderId, wanted) => act(homeId, orderId, (order) => lookAtSettlement(order, wanted, parts)),

    settle: (homeId, orderId, request) => act(homeId, orderId, (order) => settleOrder(order, request, parts)),

    typedData: (homeId, orderId, word) =>
      act(homeId, orderId, async ({ state, authorization }) => {
        if (authorization === undefined) return no(`The order is ${state}: no money is held for it.`)
        const { authorizationId } = authorization
        return { ok: true, typedData: parts.chain.wordTypedData({ authorizationId, ...word }) }
      }),
  }

  async function act<Result extends { ok: boolean }>(
    homeId: string,
    orderId: string,
    verb: (order: OrderWork) => Promise<Result>,
  ): Promise<Result | Refused> {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const order = await parts.store.find(homeId, orderId)
      if (order === undefined) return no(`There is no order ${orderId}: see \`adept orders\`.`)
      try {
        const result = await verb(order)
        parts.onActed()
        return result
      } catch (error) {
        if (!(error instanceof StaleOrderError)) throw error
      }
    }
    return no('The order is changing right now: try again in a moment.')
  }

  function drop(order: OrderWork & { state: 'needed' | 'quoted' | 'awaiting-consent' }, who: string, nowMs: number) {
    const text = `${order.deviceId} ${order.slot}: ${who} cancelled the order before anything was paid.`
    return parts.orders.move(order, 'dropped', nowMs, {
      reason: `${who} cancelled it.`,
      tell: { kind: 'cancelled', text },
    })
  }

  /** The device's key signs the cancellation; the escrow gives everything back while nothing is shipped. */
  async function cancelHold(
    order: OrderWork,
    who: string,
    nowMs: number,
    payers: HexBytes | undefined,
  ): Promise<ActionResult> {
    const { authorization } = order
    if (authorization === undefined)
      throw new Error(`Order ${order.orderId} is ${order.state} without an authorization.`)
    const hold = await parts.chain.hold(authorization.terms)
    if (hold.state === 'cancelled') return yes('The order is already cancelled; the money is back.')
    if (hold.state !== 'authorized')
      return no(`On the chain the order is ${hold.state}: it can no longer be cancelled.`)
    const { authorizationId } = authorization
    if (payers !== undefined && !(await isPayers(authorization.terms, 'Cancellation', payers))) {
      return no(NOT_PAYERS(authorization.terms))
    }
    const signature = payers ?? (await parts.signer.cancellation(order.deviceId, authorizationId))
    const keepTime = order.state === 'due' ? authorization.terms.shipBy * 1000 + 1000 : undefined
    try {
      await parts.chain.cancel(authorization.terms, signature, (tx) =>
        parts.orders.saveTransaction(
          { ...tx, purpose: `${tx.purpose} for ${who}` },
          order,
          keepTime ?? dueTime(order),
          nowMs,
        ),
      )
    } catch (error) {
      // The seller may have shipped in this very moment.
      const { state } = await parts.chain.hold(authorization.terms)
      if (state === 'authorized') throw error
      return no(`On the chain the order is ${state}: it can no longer be cancelled.`)
    }
    return yes('The cancellation is on its way to the chain; the money comes back with its block.')
  }

  /** The device's key signs it; from then on only both sides together, the arbiter or 30 days move the money. */
  async function disputeHold(
    order: OrderWork,
    who: string,
    nowMs: number,
    payers: HexBytes | undefined,
  ): Promise<ActionResult> {
    const { authorization } = order
    if (authorization === undefined)
      throw new Error(`Order ${order.orderId} is ${order.state} without an authorization.`)
    const { terms, authorizationId } = authorization
    const hold = await parts.chain.hold(terms)
    if (hold.state === 'disputed') return yes('The order is already disputed: its money stays in escrow.')
    const untilMs = hold.sinceSeconds * 1000 + UNCONFIRMED_MS
    if (hold.state !== 'shipped') return no(`On the chain the order is ${hold.state}: it can no longer be disputed.`)
    if (nowMs > untilMs) return no('The 14 days for a dispute are over; the money comes back by itself.')
    if (payers !== undefined && !(await isPayers(terms, 'Dispute', payers))) return no(NOT_PAYERS(terms))
    const signature = payers ?? (await parts.signer.dispute(order.deviceId, authorizationId))
    // Not looked at before the log is here: nothing may be confirmed while a dispute is on its way.
    await parts.chain.dispute(terms, signature, (tx) =>
      parts.orders.saveTransaction({ ...tx, purpose: `${tx.purpose} for ${who}` }, order, untilMs + 1000, nowMs),
    )
    const then =
      BigInt(terms.arbiter) === 0n ? 'nobody agrees on a split within 30 days' : 'the arbiter is silent for 30 days'
    return yes(`The dispute is on its way to the chain. The money stays in escrow; it comes back when ${then}.`)
  }

  function isPayers({ payer, authorizationId }: Terms, kind: 'Cancellation' | 'Dispute', signature: HexBytes) {
    return parts.chain.isSignedBy(payer, parts.chain.wordDigest({ authorizationId, kind }), signature)
  }

  function dueTime(order: OrderWork): number {
    return order.stateChangedAtMs + (order.authorization?.terms.coolingOffSeconds ?? 0) * 1000
  }
}

const NOT_PAYERS = ({ payer }: Terms) =>
  `This is no signature of ${payer}, which pays. Sign what --typed-data prints for this very order with that wallet.`
