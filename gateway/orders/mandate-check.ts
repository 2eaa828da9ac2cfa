import type { MandateFile } from '../domain/mandate.ts'
import type { Chain } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { MandateCheckStore } from '../ports/mandates.ts'

type Hashes = Pick<Chain, 'mandateHash' | 'offersRoot' | 'readableHash'>

/**
 * Looks at the start whether each stored mandate is still what was signed: its hash is computed anew from what is stored. One
 * that differs, by a fault of the disk, a hand in the database, or another chain in the settings, is not used and told of,
 * once. About 0.5 ms for each.
 */
export async function checkStoredMandates(parts: {
  store: MandateCheckStore
  chain: Hashes
  clock: Clock
}): Promise<void> {
  const { store, chain, clock } = parts
  for (const { mandateHash, deviceId, file, fault: before } of await store.inUse()) {
    const difference = file === undefined ? 'cannot be read' : differenceOf(mandateHash, file, chain)
    const fault = difference === undefined ? '' : `The stored mandate ${mandateHash} of ${deviceId} ${difference}.`
    if (fault !== before) await store.judge(mandateHash, fault, clock.nowMs())
  }
}

function differenceOf(mandateHash: string, { mandate, offers, readable, ...file }: MandateFile, chain: Hashes) {
  const hash = chain.mandateHash(mandate)
  if (hash !== mandateHash || file.mandateHash !== mandateHash) return `hashes to ${hash} now`
  if (chain.offersRoot(offers) !== mandate.offersRoot) return 'names other offers than were signed'
  if (chain.readableHash(readable) !== mandate.extraData) return 'has another text than was signed'
  return undefined
}
