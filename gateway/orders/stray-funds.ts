import { formatMoney } from '../domain/money.ts'
import { DECISION_MS, UNCONFIRMED_MS } from '../domain/timers.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Chain, DeviceSigner } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { StrayFunds, StrayFundsStore } from '../ports/orders.ts'

const STRAYS_PER_STEP = 16
/** What was sent is looked after again until the chain shows that it worked. */
const LOOK_AGAIN_MS = 10 * 60_000

export type StrayFundsParts = { store: StrayFundsStore; chain: Chain; signer: DeviceSigner; clock: Clock }

/**
 * Gives back funds that are held for an order which does not wait for them. A signed payment that the contract refused
 * can be sent again by anybody until it expires, so it is burnt; somebody may be faster, and a reorg can bring back an attempt
 * that was given up: the homeowner was told that nothing is paid, so the device's key cancels it.
 */
export function strayFundsWorker(parts: StrayFundsParts): Worker {
  return {
    name: 'stray-funds',
    async step() {
      const nowMs = parts.clock.nowMs()
      const due = await parts.store.due(nowMs, STRAYS_PER_STEP)
      for (const stray of due) await giveBack(stray, parts, nowMs)
      return { worked: due.length > 0, nextDueAtMs: await parts.store.nextDueAtMs() }
    },
  }
}

async function giveBack(stray: StrayFunds, parts: StrayFundsParts, nowMs: number): Promise<void> {
  const { store, chain, signer } = parts
  const { order, terms } = stray
  const hold = await chain.hold(terms)
  const amount = formatMoney(hold.amount, chain.facts.token)
  const text = `${order.deviceId} ${order.slot}: ${amount} was held for an order that was given up; it is on its way back.`
  const save = (tx: Parameters<typeof store.saveTransaction>[0]) =>
    store.saveTransaction(tx, stray, { text, isTold: true }, nowMs + LOOK_AGAIN_MS, nowMs)

  if (hold.state === 'none' && stray.refused !== undefined) return burn(stray, stray.refused, parts, nowMs)
  if (hold.state === 'authorized') {
    const signature = await signer.cancellation(order.deviceId, terms.authorizationId)
    await chain.cancel(terms, signature, save)
    return
  }
  if (hold.state === 'shipped' || hold.state === 'disputed') {
    const waitMs = hold.state === 'shipped' ? UNCONFIRMED_MS : DECISION_MS
    const reclaimableAtMs = hold.sinceSeconds * 1000 + waitMs + 1000
    if (nowMs < reclaimableAtMs) return store.postpone(stray, reclaimableAtMs)
    await chain.reclaim(terms, save)
    return
  }
  // Ended, or not there any more: a log that says otherwise marks it again.
  return store.postpone(stray, undefined)
}

/** Until it expires, anybody could send a refused payment again, once the wallet is full: the device's key burns it. */
async function burn(
  stray: StrayFunds,
  { file, authorization }: NonNullable<StrayFunds['refused']>,
  { store, chain, signer }: StrayFundsParts,
  nowMs: number,
): Promise<void> {
  const expiresAtMs = authorization.validBefore * 1000
  const { status, lastNonce } = await chain.mandateStatus(file.mandate)
  if (nowMs >= expiresAtMs || status !== 'granted' || lastNonce >= authorization.nonce) {
    return store.postpone(stray, undefined)
  }
  const signature = await signer.invalidation(stray.order.deviceId, file.mandateHash, authorization.nonce)
  const note = { text: 'The refused payment is made useless, so that nobody can send it later.', isTold: false }
  await chain.invalidate(file.mandate, authorization.nonce, signature, (tx) =>
    store.saveTransaction(tx, stray, note, nowMs + LOOK_AGAIN_MS, nowMs),
  )
}
