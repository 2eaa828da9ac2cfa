import { describe, expect, it } from 'vitest'
import { FaultPlan } from '../../../device-sim/faults/plan.ts'
import { Scenario } from '../../../device-sim/scenario/schema.ts'

const scenario = (more: object = {}) => Scenario.parse({ about: 'a test', population: { homes: 2 }, days: 60, ...more })
const ALL = {
  flaps: { perDeviceDay: 0.3 },
  cuts: { perDeviceDay: 2 },
  duplicates: { share: 0.1 },
  reordering: { share: 0.1 },
  clockSkew: { share: 0.5 },
  reboots: { perDeviceDay: 1 },
  kills: { gateway: 10, chain: 15, shop: 20 },
  reorgs: { everyDays: 12 },
  sellerOutages: { everyDays: 20 },
  hostile: { devices: 3, everyDays: 2 },
}
const TICKS = 60 * 24
const happenings = (plan: FaultPlan, ticks = TICKS) =>
  Array.from({ length: ticks }, (_, tick) => plan.happeningsAt(tick).map((one) => ({ tick, ...one }))).flat()

describe('processes', () => {
  it('has one fault in each window, the same for the same seed', () => {
    const plan = new FaultPlan(scenario({ faults: ALL }))
    const names = plan.timeline().map(({ what }) => what.replace(/ (device|stranger).*/, ''))
    expect(
      Object.fromEntries([...new Set(names)].map((it) => [it, names.filter((name) => name === it).length])),
    ).toEqual({
      'kill -9 gateway': 6,
      'kill -9 chain': 4,
      'kill -9 shop': 3,
      'reorg of 3 blocks': 5,
      'the seller is away': 2,
      'the seller is back': 2,
      hostile: 29,
    })
    expect(happenings(new FaultPlan(scenario({ faults: ALL })))).toEqual(happenings(plan))
    expect(happenings(new FaultPlan(scenario({ faults: ALL, seed: '2' })))).not.toEqual(happenings(plan))
  })

  it('keeps the faults of what is left when the span is shorter or a fault is taken away', () => {
    const whole = happenings(new FaultPlan(scenario({ faults: ALL })))
    const short = new FaultPlan(scenario({ faults: ALL, days: 20 }))
    const kills = (all: typeof whole) => all.filter(({ kind }) => kind === 'kill')
    expect(kills(happenings(short))).toEqual(kills(whole).filter(({ tick }) => tick < 20 * 24 - 1))
    const fewer = new FaultPlan(scenario({ faults: { kills: ALL.kills } }))
    expect(happenings(fewer)).toEqual(kills(whole))
  })

  it('kills no shop that is away, whose process is not there', () => {
    let kills = 0
    for (let seed = 1; seed <= 40; seed++) {
      let isAway = false
      for (const one of happenings(
        new FaultPlan(scenario({ faults: ALL, seed: String(seed), tickMinutes: 240 })),
        TICKS / 4,
      )) {
        if (one.kind === 'seller-away' || one.kind === 'seller-back') isAway = one.kind === 'seller-away'
        if (one.kind !== 'kill' || one.victim !== 'shop') continue
        kills++
        expect(isAway, `seed ${seed}, tick ${one.tick}`).toBe(false)
      }
    }
    expect(kills).toBeGreaterThan(80)
  })

  it('kills in the midst of a tick and between two, and always brings the seller back', () => {
    for (const seed of ['1', '2', '3', '4']) {
      const all = happenings(new FaultPlan(scenario({ faults: ALL, seed })))
      const whens = new Set(all.flatMap((one) => (one.kind === 'kill' && one.victim === 'gateway' ? [one.when] : [])))
      expect(whens).toEqual(new Set(['midst', 'between']))
      const seller = all.flatMap(({ kind }) => (kind.startsWith('seller') ? [kind] : []))
      expect(seller).toEqual(seller.map((_, index) => (index % 2 === 0 ? 'seller-away' : 'seller-back')))
      expect(seller.at(-1)).toBe('seller-back')
    }
  })
})

describe('the wire', () => {
  const plan = new FaultPlan(scenario({ faults: ALL }))
  const bents = Array.from({ length: 500 }, (_, tick) => plan.wire(0, 'washer', tick, 20)).flatMap((fault) =>
    fault?.kind === 'bent' ? [fault] : [],
  )

  it('sends every report once at least, and those that come again after their first time', () => {
    expect(bents.length).toBeGreaterThan(100)
    for (const { order } of bents) {
      expect(new Set(order.map(({ index }) => index))).toEqual(new Set(Array.from({ length: 20 }, (_, index) => index)))
      const seen = new Set<number>()
      for (const { index, dup } of order) {
        if (!seen.has(index)) expect(dup).toBe(false)
        seen.add(index)
      }
    }
  })

  it('does each thing about as often as it is told', () => {
    const again = bents.reduce((sum, { order }) => sum + order.length - 20, 0)
    expect(again).toBeGreaterThan(700)
    expect(again).toBeLessThan(1100)
    const flagged = bents.flatMap(({ order }) => order).filter(({ dup }) => dup).length
    expect(flagged / again).toBeCloseTo(0.5, 1)
    expect(bents.filter(({ reboot }) => reboot).length).toBeGreaterThan(8)
    expect(bents.filter(({ cutAfter }) => cutAfter !== undefined).length).toBeGreaterThan(20)
    const away = Array.from({ length: TICKS }, (_, tick) => plan.isAway(0, 'washer', tick)).filter(Boolean).length
    // 0.3 a day of 4.25 hours on average.
    expect(away / TICKS).toBeGreaterThan(0.02)
    expect(away / TICKS).toBeLessThan(0.1)
  })

  it('does not depend on who asks when, nor on how many homes there are', () => {
    const other = new FaultPlan(scenario({ faults: ALL, population: { homes: 50 } }))
    for (const tick of [700, 3, 699, 3]) {
      expect(other.wire(0, 'washer', tick, 20)).toEqual(plan.wire(0, 'washer', tick, 20))
    }
    expect(other.skewMs(0, 'washer')).toBe(plan.skewMs(0, 'washer'))
  })

  it('leaves alone what has no faults', () => {
    const calm = new FaultPlan(scenario())
    expect(calm.wire(0, 'washer', 5, 20)).toBeUndefined()
    expect(calm.skewMs(0, 'washer')).toBe(0)
    expect(happenings(calm)).toEqual([])
  })
})
