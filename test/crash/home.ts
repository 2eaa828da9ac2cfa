import { setTimeout } from 'node:timers/promises'
import type { HomeProcesses } from '../support/home-processes.ts'
import { type CrashDevice, PRICE_MINOR_UNITS } from './device.ts'

/** A chain that lost a block has it again within seconds; a machine under load takes longer. */
const SETTLED_WITHIN_MS = 60_000
const LOOK_AGAIN_MS = 100

/** What the payer holds; token minor units. */
export async function balanceOf(home: HomeProcesses): Promise<bigint> {
  const { payer } = await home.api<{ payer: { balance: string } }>('/v1/status')
  return BigInt(payer.balance)
}

/**
 * What is wrong once all has settled, as sentences: rows, the payer's money to the unit since `before`, and the audit.
 * A block that a kill took away comes back after a while, so it looks until nothing is wrong, or for a minute.
 */
export async function problemsOf(
  home: HomeProcesses,
  devices: readonly CrashDevice[],
  paid: { before: bigint; orders: number },
): Promise<string[]> {
  const endMs = performance.now() + SETTLED_WITHIN_MS
  for (;;) {
    const problems = await lookForProblems(home, devices, paid).catch((error: unknown) => [String(error)])
    if (problems.length === 0 || performance.now() > endMs) return problems
    await setTimeout(LOOK_AGAIN_MS)
  }
}

async function lookForProblems(
  home: HomeProcesses,
  devices: readonly CrashDevice[],
  { before, orders }: { before: bigint; orders: number },
): Promise<string[]> {
  const { differing, unread, first } = await home.audit()
  const spent = before - (await balanceOf(home))
  const price = BigInt(orders) * PRICE_MINOR_UNITS
  return [
    ...devices.flatMap((device) => device.problems().map((problem) => `${device.deviceId}: ${problem}`)),
    ...(spent === price ? [] : [`${spent} minor units were spent, not ${price}.`]),
    ...(differing + unread === 0 ? [] : [`The audit finds ${differing} rows that differ. ${first?.why ?? ''}`]),
  ]
}
