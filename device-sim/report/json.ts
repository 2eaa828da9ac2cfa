import { createHash } from 'node:crypto'
import type { OrderLine, RunResult } from '../run/result.ts'
import { isGood, type Report } from './report.ts'

/** More orders than this are counted and hashed, but not listed. */
const LISTED_ORDERS = 10_000

/**
 * The report as one JSON object. Times of this machine are `realSeconds`, `realMs` and `madeAtMs`; all else follows from the
 * seed. That of a pure run has none of them: two equal runs give the same bytes.
 */
export function jsonReport(report: Report): object {
  const { name, kind, scenario, result, verdicts, broken, faults, leftOut, command, smallest, madeAtMs } = report
  return {
    ok: isGood(report),
    name,
    kind,
    seed: scenario.seed,
    homes: scenario.population.homes,
    days: scenario.days,
    verdicts,
    broken: broken ?? null,
    leftOut,
    command,
    smallest: smallest ?? null,
    result:
      result === undefined
        ? null
        : {
            ...(kind === 'pure' ? withoutTimes(result) : result),
            ordersSha256: ordersSha256(result.orders),
            orderCount: result.orders.length,
            orders: result.orders.slice(0, LISTED_ORDERS),
          },
    faults,
    scenario,
    ...(kind === 'real' && { madeAtMs }),
  }
}

function withoutTimes({ realSeconds: _run, days, ...result }: RunResult): object {
  return { ...result, days: days.map(({ realMs: _day, ...day }) => day) }
}

/** Of the sequence (home, device, slot, GTIN, quantity, day): equal for runs that ordered the same. */
export function ordersSha256(orders: readonly OrderLine[]): string {
  const hash = createHash('sha256')
  for (const { home, device, slot, gtin, quantity, day } of orders) {
    hash.update(`${home} ${device} ${slot} ${gtin} ${quantity} ${day}\n`)
  }
  return hash.digest('hex')
}
