import { observe } from '../../gateway/domain/forecast.ts'
import { homeCalendar } from '../../gateway/domain/home-calendar.ts'
import type { Situation } from '../../gateway/ports/rules.ts'
import type { RuleBook } from '../../gateway/rules/outlook.ts'
import { parseRules } from '../../gateway/rules/rules-file.ts'

export const DAY_MS = 86_400_000
export const HOUR_MS = 3_600_000
/** A Saturday noon in UTC, 13:00 in Berlin. */
export const NOW_MS = Date.UTC(2025, 10, 22, 12)
export const GTIN = '04006381333931'
export const ORDER_ID = '0193d2a0-0000-4000-8000-000000000001'

/** Rules from their text, on a home's calendar. */
export function bookOf(text: string, timeZone = 'UTC'): RuleBook {
  const read = parseRules(text)
  if (!read.ok) throw new Error(read.mistakes.map(({ line, sentence }) => `${line}: ${sentence}`).join('\n'))
  return { rules: read.rules, calendar: homeCalendar(timeZone) }
}

/** Use as if `perDay` had been taken on each of the last days, until `left` was read `silentDays` ago. */
export function usageOf({ left = 279, perDay = 40, days = 30, silentDays = 0, capacity = 1400 } = {}) {
  let usage = observe(
    undefined,
    { kind: 'level', atMs: NOW_MS - (days + silentDays) * DAY_MS, left: left + perDay * days, refill: false },
    { capacity },
  )
  for (let day = days - 1; day >= 0; day--) {
    const atMs = NOW_MS - (day + silentDays) * DAY_MS
    usage = observe(usage, { kind: 'level', atMs, left: left + perDay * day, refill: false }, { capacity })
  }
  return usage!
}

/** A drawer that is low, confirmed, in mode auto, with a mandate; `left` and `silentDays` make its use. */
export function situationOf(change: Partial<Situation> & { left?: number; silentDays?: number } = {}): Situation {
  const { left = 279, silentDays = 0, ...rest } = change
  return {
    homeId: 'home',
    timeZone: 'UTC',
    deviceId: 'washer-1',
    slot: 'detergent',
    description: {
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      degradationDirection: 'down',
      replacementProducts: [{ type: 'gtin14', value: GTIN }],
    },
    mode: 'auto',
    suspendedReason: '',
    level: {
      remaining: left,
      unit: 'ml',
      mark: 'verified',
      markReason: '',
      measuredAtMs: NOW_MS - silentDays * DAY_MS,
    },
    usage: usageOf({ left, silentDays }),
    events: [],
    openOrder: undefined,
    onHand: 0,
    inFlight: 0,
    products: [{ gtin: GTIN, packContent: 1400, maxPacks: 2, coolingOffDays: 1, leadTime: { meanDays: 4, sdDays: 2 } }],
    lowTold: false,
    blindTold: false,
    lastEndedWithoutGoodsAtMs: undefined,
    lastOrderAtMs: undefined,
    actedAtMs: {},
    ...rest,
  }
}
