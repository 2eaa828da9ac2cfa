import { FaultPlan } from '../faults/plan.ts'
import { planHomes } from '../models/home.ts'
import type { Scenario } from '../scenario/schema.ts'
import { PureHome } from './pure-home.ts'
import { PureShop } from './pure-shop.ts'
import type { LevelSeries, OrderLine, RunProgress, RunResult } from './result.ts'
import type { Deciding } from './slot-book.ts'
import { Tally } from './tally.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const SAMPLED_SLOTS = 12
/** How far it is, is told after so many homes. */
const TELL_AFTER_HOMES = 50
/** Of sampled levels: a year of one slot is 2,190 points. */
const SAMPLE_EVERY_MS = 4 * 3_600_000

/**
 * A whole scenario in this process, without broker and chain: the models of its homes, and decisions by the functions of
 * gateway/domain. Equal to the byte for a seed, its times apart. README.md of this folder says where a real run may differ.
 */
export function runPure(
  scenario: Scenario,
  options: { onProgress?(progress: RunProgress): void; deciding?: Deciding } = {},
): RunResult {
  const { onProgress, deciding = 'where it can matter' } = options
  const startMs = Date.parse(scenario.start)
  const tickMs = scenario.tickMinutes * MINUTE_MS
  const ticksPerDay = DAY_MS / tickMs
  const plan = new FaultPlan(scenario)
  const shop = new PureShop(scenario, startMs)
  const tally = new Tally(scenario.days)
  const homes = planHomes(scenario).map((home) => {
    const skewMs = home.devices.map(({ name }) => plan.skewMs(home.index, name))
    return new PureHome(home, { shop, tally, skewMs, deciding }, startMs)
  })
  const devices = homes.reduce((sum, { plan: home }) => sum + home.devices.length, 0)
  const samples = sampled(homes)
  const samplesOf = homes.map((home) => samples.filter((sample) => sample.home === home))
  const hasFlaps = scenario.faults.flaps !== undefined

  const begunAtMs = performance.now()
  for (const home of homes) {
    home.model.switchOn(startMs, home)
    home.settle(startMs, shop)
  }
  const isShopAway = new Uint8Array(scenario.days * ticksPerDay)
  for (let tick = 0, isAway = 0; tick < isShopAway.length; tick++) {
    for (const { kind } of plan.happeningsAt(tick)) {
      if (kind === 'seller-away' || kind === 'seller-back') isAway = kind === 'seller-away' ? 1 : 0
    }
    isShopAway[tick] = isAway
  }
  // Home by home: what one knows stays in the cache and dies young, 3 times as fast as all homes day by day. Only a shelf
  // that may run out joins them, and then a day is long enough.
  const spanDays = scenario.population.shop.stockPacks === undefined ? scenario.days : 1
  for (let fromDay = 0; fromDay < scenario.days; fromDay += spanDays) {
    const toDay = Math.min(scenario.days, fromDay + spanDays)
    const spanBegunAtMs = performance.now()
    for (let index = 0; index < homes.length; index++) {
      for (let day = fromDay; day < toDay; day++) liveDay(index, day)
      const lived = index + 1
      if (lived % TELL_AFTER_HOMES !== 0 && lived !== homes.length) continue
      const { reports, orders } = tally.counts
      const day = fromDay + ((toDay - fromDay) * lived) / homes.length
      onProgress?.({ phase: 'day', day, ofDays: scenario.days, reports, orders })
    }
    const realMs = (performance.now() - spanBegunAtMs) / (toDay - fromDay)
    for (let day = fromDay; day < toDay; day++) tally.days[day]!.realMs = realMs
  }
  const realSeconds = (performance.now() - begunAtMs) / 1000
  for (const home of homes) home.end(startMs + scenario.days * DAY_MS)

  function liveDay(index: number, day: number): void {
    const home = homes[index]!
    const toSample = samplesOf[index]!
    const lastTick = (day + 1) * ticksPerDay - 1
    for (let tick = day * ticksPerDay; tick <= lastTick; tick++) {
      if (toSample.length === 0 && !hasFlaps) {
        // To the tick at which something happens; what was measured until then is told there.
        const next = Math.ceil((home.nextAtMs() - startMs) / tickMs) - 1
        tick = Math.min(lastTick, Math.max(tick, next))
      }
      shop.isAway = isShopAway[tick] === 1
      const nowMs = startMs + (tick + 1) * tickMs
      home.live(nowMs, hasFlaps ? (device) => plan.isAway(home.plan.index, device, tick) : undefined)
      home.settle(nowMs, shop)
      if (toSample.length > 0 && (nowMs - startMs) % Math.max(tickMs, SAMPLE_EVERY_MS) === 0) {
        for (const sample of toSample) take(sample, (nowMs - startMs) / DAY_MS)
      }
    }
    tally.endDay(day, home.emptySlots)
  }

  const { orders, stockOuts, days, problems, counts, digest, shortDays } = tally
  return {
    kind: 'pure',
    seed: scenario.seed,
    virtualDays: scenario.days,
    realSeconds,
    homes: homes.length,
    devices,
    orders: orders.sort(inOrder),
    levels: samples.map(({ series }) => series),
    stockOuts,
    days,
    counts: { ...counts, deviceDays: devices * scenario.days },
    problems,
    digest: digest >>> 0,
    shortDays,
  }
}

type Sample = { home: PureHome; device: number; slot: number; series: LevelSeries }

/** Slots of homes that lie evenly in the population: the first slot of the first homes' appliances would all be washers. */
function sampled(homes: readonly PureHome[]): Sample[] {
  const slots = homes.flatMap((home) =>
    home.plan.devices.flatMap(({ slots: kinds }, device) => kinds.map((_, slot) => ({ home, device, slot }))),
  )
  const count = Math.min(SAMPLED_SLOTS, slots.length)
  return Array.from({ length: count }, (_, index) => {
    const { home, device, slot } = slots[Math.floor((index * slots.length) / count)]!
    const { name, description } = home.plan.devices[device]!
    const { slot: slotName, unit, capacity } = description.slots[slot]!
    const series = { home: home.plan.index, device: name, slot: slotName, unit, capacity }
    return { home, device, slot, series: { ...series, days: [], trueLevels: [], seenLevels: [] } }
  })
}

function take({ home, device, slot, series }: Sample, days: number): void {
  series.days.push(days)
  series.trueLevels.push(home.model.trueLevel(device, slot))
  series.seenLevels.push(home.seen(device, slot) ?? 0)
}

/** (day, home, device, slot). */
function inOrder(a: OrderLine, b: OrderLine): number {
  return a.day - b.day || a.home - b.home || compare(a.device, b.device) || compare(a.slot, b.slot)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
