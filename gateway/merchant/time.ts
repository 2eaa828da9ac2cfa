import type { Clock } from '../ports/clock.ts'
import type { SellerChain } from '../ports/merchant.ts'

/**
 * The second that the next block can be expected to have, at the earliest: the head's or our clock's, whichever is later.
 * The head alone is not enough: a chain without traffic makes no blocks, its head stays in the past, and an order whose
 * cooling off is over would wait for ever. The clock alone is not enough: the chain may be ahead of it (virtual time, a
 * development chain that was moved, a slow clock), and a quote counted from an earlier time would already have expired
 * there. A clock that runs ahead of the chain only costs a refused transaction, which is tried again.
 */
export async function chainNowSeconds(chain: Pick<SellerChain, 'head'>, clock: Clock): Promise<number> {
  const head = await chain.head()
  return Math.max(head.timestampSeconds, Math.floor(clock.nowMs() / 1000))
}
