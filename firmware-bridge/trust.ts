import { isMacOf } from '../gateway/wire/serial.ts'
import type { Hello, Seal } from './dialects/dialect.ts'
import type { Pairing } from './pairings.ts'

/** `replayed`: a level that was accepted before, or an older one; it is dropped. */
export type Verdict =
  | { kind: 'verified'; counter: number }
  | { kind: 'unverified'; reason: string }
  | { kind: 'replayed'; counter: number }

type PairedKey = Pick<Pairing, 'deviceId' | 'key' | 'lastCounter'>

/** Whether a level is surely from the paired board and newer than all before it. A reason is a sentence of at most 100 characters. */
export function judgeLevel(pairing: PairedKey, seal: Seal): Verdict {
  if (seal.kind === 'none') return { kind: 'unverified', reason: seal.reason }
  if (pairing.key === null) return { kind: 'unverified', reason: 'The board was paired without a key.' }
  if (seal.kind === 'unsigned') return { kind: 'unverified', reason: 'The board did not sign it: pair it again.' }
  const { counter, text } = seal
  if (!isMacOf(Buffer.from(pairing.key, 'hex'), pairing.deviceId, counter, text)) {
    return { kind: 'unverified', reason: 'Its signature does not fit the key given at pairing: pair the board again.' }
  }
  return counter > pairing.lastCounter ? { kind: 'verified', counter } : { kind: 'replayed', counter }
}

/** What is wrong between a board and its pairing, as a sentence; undefined when its levels can be verified, or never could. */
export function pairingProblem(
  pairing: PairedKey & { fingerprint: string | undefined },
  hello: Hello,
): string | undefined {
  const { deviceId, fingerprint, lastCounter } = pairing
  if (fingerprint === undefined) return undefined
  const again = `Pair it again: adept board pair ${deviceId}.`
  if (!hello.keyFingerprint) return `The board ${deviceId} has lost its key: its levels are unverified. ${again}`
  if (hello.keyFingerprint !== fingerprint) {
    return `The board that calls itself ${deviceId} has another key: its levels are unverified. ${again}`
  }
  if (hello.counter !== undefined && hello.counter < lastCounter) {
    return `The counter of ${deviceId} went back from ${lastCounter} to ${hello.counter}: its levels are refused. ${again}`
  }
  return undefined
}
