import { describe, expect, test } from 'vitest'
import type { DeviceEvent, ReportSink } from '../../../device-sim/models/device.ts'
import { eventDetail, HomeModel, planHomes } from '../../../device-sim/models/home.ts'
import { APPLIANCE_NAMES, APPLIANCES } from '../../../device-sim/models/registry.ts'
import { Gtin } from '../../../gateway/domain/identifiers.ts'
import { ConsumableReport, Description, EventReport, TelemetryReport } from '../../../gateway/wire/messages.ts'
import { scenarioOf } from './a-scenario.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 2, 2)

type Said = { device: number; atMs: number } & (
  | { topic: 'level'; slot: number; remaining: number }
  | { topic: 'telemetry'; values: number[] }
  | { topic: 'event'; event: DeviceEvent }
)

/** Keeps all that is said. */
function listener(): { said: Said[]; sink: ReportSink } {
  const said: Said[] = []
  return {
    said,
    sink: {
      level: (device, slot, atMs, remaining) => said.push({ topic: 'level', device, slot, atMs, remaining }),
      telemetry: (device, atMs, values) => said.push({ topic: 'telemetry', device, atMs, values: [...values] }),
      event: (device, atMs, event) => said.push({ topic: 'event', device, atMs, event: { ...event } }),
    },
  }
}

function live(scenario: ReturnType<typeof scenarioOf>, home: number, days: number, tickMs = HOUR_MS) {
  const model = new HomeModel(planHomes(scenario)[home]!, START_MS)
  const { said, sink } = listener()
  model.switchOn(START_MS, sink)
  for (let atMs = START_MS + tickMs; atMs <= START_MS + days * DAY_MS; atMs += tickMs) model.liveUntil(atMs, sink)
  return { model, said }
}

const byDevice = (said: Said[]) => [...said].sort((a, b) => a.device - b.device)

describe('a home', () => {
  test('lives the same life for a seed, however it is ticked; another seed or another home another', () => {
    const once = byDevice(live(scenarioOf(), 3, 30).said)
    expect(byDevice(live(scenarioOf(), 3, 30, 4 * HOUR_MS).said)).toEqual(once)
    expect(byDevice(live(scenarioOf({ seed: '2' }), 3, 30).said)).not.toEqual(once)
    expect(byDevice(live(scenarioOf(), 4, 30).said)).not.toEqual(once)
  })

  test('says an exact 0 of a compartment that it does not use, once, however noisy the sensor is', () => {
    const scenario = scenarioOf({ population: { appliances: { washer: 1 }, sensors: { noise: 20 } } })
    const plans = planHomes(scenario)
    const home = plans.findIndex(({ devices }) => devices[0]!.slots[1]!.isUsed === false)
    const softener = live(scenario, home, 20).said.filter((report) => report.topic === 'level' && report.slot === 1)
    expect(softener).toEqual([expect.objectContaining({ remaining: 0 })])
  })

  test('is the same in a population of any size, and alone', () => {
    const many = planHomes(scenarioOf({ population: { homes: 8 } }))
    expect(planHomes(scenarioOf({ population: { homes: 3 } }))).toEqual(many.slice(0, 3))
    expect(planHomes(scenarioOf({ population: { homes: 1, firstHome: 5 } }))).toEqual([many[5]])
  })

  test('says everything in the agreed form, each device in the order of time, at least 24 times a day', () => {
    const { model, said } = live(scenarioOf({ population: { fullAtStart: { least: 0.05, most: 0.2 } } }), 1, 20)
    const last = model.devices.map(() => 0)
    for (const [seq, report] of said.entries()) {
      const { description, telemetry } = model.devices[report.device]!
      const common = { session: '5f3a91c2', seq, measuredAtMs: report.atMs }
      expect(report.atMs).toBeGreaterThanOrEqual(last[report.device]!)
      last[report.device] = report.atMs
      if (report.topic === 'level') {
        const { slot, unit, capacity } = description.slots[report.slot]!
        ConsumableReport.parse({ ...common, slot, remaining: report.remaining, unit })
        expect(report.remaining).toBeLessThanOrEqual(capacity)
      } else if (report.topic === 'telemetry') {
        const values = Object.fromEntries(report.values.map((value, index) => [telemetry[index], value]))
        TelemetryReport.parse({ ...common, values })
      } else {
        EventReport.parse({ ...common, type: report.event.type, detail: eventDetail({ description }, report.event) })
      }
    }
    for (const device of model.devices.keys()) {
      const count = said.filter((report) => report.device === device).length
      expect(count / 20).toBeGreaterThanOrEqual(24)
    }
    expect(said.some((report) => report.topic === 'event' && report.event.type === 'dose-short')).toBe(true)
  })

  test('doses add up to what left the slot, which never holds less than nothing', () => {
    const scenario = scenarioOf({ population: { appliances: { washer: 1 }, fullAtStart: { least: 1, most: 1 } } })
    const { model, said } = live(scenario, 0, 120)
    let dosed = 0
    for (const { topic, ...report } of said) {
      if (topic === 'event' && 'event' in report && report.event.type === 'cycle-finished') dosed += report.event.dose
    }
    const faults = said.filter((report) => report.topic === 'event' && report.event.type === 'fault').length
    const gone = 1400 - model.trueLevel(0, 0)
    expect(model.trueLevel(0, 0)).toBeGreaterThanOrEqual(0)
    expect(gone - dosed).toBeGreaterThanOrEqual(0)
    // A cycle that broke took its dose too, and says nothing of it.
    expect(gone - dosed).toBeLessThanOrEqual(70 * (faults + 1))
  })

  test('nobody washes while nobody is at home; the feeder feeds on', () => {
    const household = { holidaysPerYear: 52, guestsPerYear: 0, habitChangesPerYear: 0 }
    const scenario = scenarioOf({ population: { household, appliances: { washer: 1, 'pet-feeder': 1 } } })
    const { model, said } = live(scenario, 0, 40)
    const cycles = (name: string) =>
      said.filter((report) => report.topic === 'event' && model.devices[report.device]?.name === name).length
    expect(cycles('washer')).toBeLessThan(40)
    expect(cycles('pet-feeder')).toBeGreaterThan(2 * 2 * 40 * 0.9)
  })

  test('a washer of three washes about 7 times a week, most on Saturdays', () => {
    const household = { holidaysPerYear: 0, guestsPerYear: 0, habitChangesPerYear: 0 }
    const scenario = scenarioOf({ population: { homes: 60, appliances: { washer: 1 }, people: { 3: 1 }, household } })
    const perWeekday = [0, 0, 0, 0, 0, 0, 0]
    for (let home = 0; home < 60; home++) {
      for (const report of live(scenario, home, 70, DAY_MS).said) {
        if (report.topic !== 'event' || report.event.type !== 'cycle-started') continue
        const at = new Date(report.atMs)
        perWeekday[at.getUTCDay()]! += 1
        expect(at.getUTCHours()).toBeGreaterThanOrEqual(8)
      }
    }
    const perWeek = perWeekday.reduce((sum, count) => sum + count) / 60 / 10
    expect(perWeek).toBeGreaterThan(6.7)
    expect(perWeek).toBeLessThan(7.7)
    expect(Math.max(...perWeekday)).toBe(perWeekday[6])
  })
})

describe('an order', () => {
  const scenario = scenarioOf({
    population: { appliances: { washer: 1 }, fullAtStart: { least: 0.2, most: 0.2 }, shop: { short: 0, wrong: 0 } },
  })
  const order = { orderId: 'a', packs: 1, packContent: 1000 }

  test('is found in days, poured in when it fits, once however often its news comes', () => {
    const model = new HomeModel(planHomes(scenario)[0]!, START_MS)
    const { said, sink } = listener()
    for (let copy = 0; copy < 3; copy++) model.shipped(0, 0, order, START_MS)
    model.liveUntil(START_MS + 12 * DAY_MS, sink)
    const [parcel, ...more] = model.takeParcels()
    expect(more).toEqual([])
    expect(parcel).toMatchObject({ device: 0, slot: 0, orderId: 'a', received: true })
    const days = (parcel!.atMs - START_MS) / DAY_MS
    expect(days).toBeGreaterThan(1)
    expect(days).toBeLessThan(6)
    model.shipped(0, 0, order, START_MS + 12 * DAY_MS)
    model.liveUntil(START_MS + 24 * DAY_MS, sink)
    expect(model.takeParcels()).toEqual([])
    const levels = said.flatMap((report) => (report.topic === 'level' && report.slot === 0 ? [report.remaining] : []))
    expect(Math.max(...levels)).toBeGreaterThan(1000)
  })

  test('takes as long whatever its id, and a second more at the shop changes nothing', () => {
    const foundAt = (orderId: string, shippedAtMs: number) => {
      const model = new HomeModel(planHomes(scenario)[2]!, START_MS)
      model.shipped(0, 0, { ...order, orderId }, shippedAtMs)
      model.liveUntil(START_MS + 12 * DAY_MS, listener().sink)
      return model.takeParcels()[0]?.atMs
    }
    expect(foundAt('x', START_MS + HOUR_MS)).toBe(foundAt('y', START_MS + HOUR_MS + 1000))
  })

  test('of which nothing of use came is not received, and one that is lost never comes', () => {
    const parcelsOf = (shares: object) => {
      const population = { appliances: { washer: 1 }, ...shares }
      const model = new HomeModel(planHomes(scenarioOf({ population }))[0]!, START_MS)
      model.shipped(0, 0, order, START_MS)
      model.liveUntil(START_MS + 12 * DAY_MS, listener().sink)
      return model.takeParcels()
    }
    expect(parcelsOf({ shop: { wrong: 1 } })).toMatchObject([{ received: false }])
    expect(parcelsOf({ shop: { short: 1, wrong: 0 } })).toMatchObject([{ received: false }])
    expect(parcelsOf({ carrier: { lost: 1 } })).toEqual([])
  })
})

test.each(APPLIANCE_NAMES)('a %s describes itself in the agreed form, with real products', (name) => {
  const { slots, programs, telemetry } = APPLIANCES[name]!
  const home = planHomes(scenarioOf()).find(({ devices }) => devices.some((device) => device.name === name))
  const description = home?.devices.find((device) => device.name === name)?.description
  expect(Description.parse(description)).toEqual(description)
  for (const { gtin } of slots.flatMap(({ products }) => products)) expect(Gtin.parse(gtin)).toBe(gtin)
  for (const { doses } of programs) expect(doses).toHaveLength(slots.length)
  expect(telemetry.length).toBeGreaterThan(0)
})
