import type { Description } from '../../gateway/wire/messages.ts'
import type { Scenario } from '../scenario/schema.ts'
import { descriptionOf, type SlotKind } from './appliance.ts'
import type { DeliveryPlan } from './carrier.ts'
import { Device, type DeviceEvent, type DevicePlan, type Parcel, type ReportSink } from './device.ts'
import { keyOf, pick, throwOf, uniform } from './dice.ts'
import type { HouseholdPlan } from './household.ts'
import { APPLIANCE_NAMES, APPLIANCES } from './registry.ts'
import type { SlotPlan } from './slot.ts'

/** All that a home is; what happens in it follows from this and from the news of its orders. */
export type HomePlan = {
  /** In the population. */
  index: number
  household: HouseholdPlan
  deliveries: DeliveryPlan
  devices: DevicePlan[]
}
export type PlannedScenario = Pick<Scenario, 'population' | 'seed'>

/** A tenth of the capacity in a year, up or down. */
const DRIFT_SHARE = 0.1
const PEOPLE = 1
const OWNS = 100
const SLOT = 200
const IS_USED = 1
const FULL = 2
const DRIFTS = 3
const STUCK = 4
const DYING = 5

const DESCRIPTIONS: Record<string, Description> = Object.fromEntries(
  Object.entries(APPLIANCES).map(([name, appliance]) => [name, descriptionOf(appliance)]),
)

/** The homes of a scenario. Each follows from the seed and its own number: fewer homes are some of more. */
export function planHomes(scenario: PlannedScenario): HomePlan[] {
  const { firstHome, homes } = scenario.population
  return Array.from({ length: homes }, (_, index) => planHome(scenario, firstHome + index))
}

function planHome({ population, seed }: PlannedScenario, index: number): HomePlan {
  const key = keyOf(`home ${seed} ${index}`)
  const { household, shop, carrier, appliances } = population
  const sizes = Object.entries(population.people)
  const weights = sizes.map(([, weight]) => weight)
  const names = APPLIANCE_NAMES.filter((name, kind) => uniform(key, OWNS + kind) < (appliances[name] ?? 0))
  return {
    index,
    household: { key, people: Number(sizes[pick(weights, uniform(key, PEOPLE))]![0]), ...household },
    deliveries: { ...carrier, shipAfterHours: shop.shipAfterHours, short: shop.short, wrong: shop.wrong },
    devices: (names.length > 0 ? names : ['washer']).map((name) => planDevice(population, name, key)),
  }
}

/** An appliance of a home, new from the box; `homeKey` is the home's. */
function planDevice(population: Scenario['population'], name: string, homeKey: number): DevicePlan {
  const key = throwOf(homeKey, keyOf(name))
  const appliance = APPLIANCES[name]!
  const slots = appliance.slots.map((kind, slot) => planSlot(population, kind, throwOf(key, SLOT + slot)))
  return { name, key, appliance, description: DESCRIPTIONS[name]!, slots }
}

function planSlot({ fullAtStart, sensors }: Scenario['population'], kind: SlotKind, key: number): SlotPlan {
  return {
    key,
    isUsed: uniform(key, IS_USED) < (kind.usedByShare ?? 1),
    fullAtStart: fullAtStart.least + uniform(key, FULL) * (fullAtStart.most - fullAtStart.least),
    sensor: {
      key,
      noiseShare: kind.sensor.noiseShare * sensors.noise,
      stepShare: kind.sensor.stepShare,
      driftShare: uniform(key, DRIFTS) < sensors.drifting ? DRIFT_SHARE : 0,
      isStuck: uniform(key, STUCK) < sensors.stuck,
      isDying: uniform(key, DYING) < sensors.dyingCell,
    },
  }
}

/** What others know of a device: its name within the home, and what it says of itself. */
export type DeviceFace = {
  name: string
  description: Description
  /** Names of the values of its telemetry. */
  telemetry: readonly string[]
}

/** A household with its appliances in motion, from `startMs` on. */
export class HomeModel {
  readonly devices: readonly DeviceFace[]
  readonly #devices: readonly Device[]

  constructor(plan: HomePlan, startMs: number) {
    this.devices = plan.devices.map(({ name, description, appliance }) => {
      return { name, description, telemetry: appliance.telemetry }
    })
    this.#devices = plan.devices.map((device, index) => new Device(device, index, plan, startMs))
  }

  /** As at the first boot: the level of every slot; before anything else. */
  switchOn(atMs: number, out: ReportSink): void {
    for (const device of this.#devices) device.switchOn(atMs, out)
  }

  /** Everything that happens up to then, that moment included. */
  liveUntil(untilMs: number, out: ReportSink): void {
    for (const device of this.#devices) device.liveUntil(untilMs, out)
  }

  /** When something but telemetry happens next. */
  nextEventAtMs(): number {
    let atMs = Number.POSITIVE_INFINITY
    for (let device = 0; device < this.#devices.length; device++) {
      atMs = Math.min(atMs, this.#devices[device]!.nextEventAtMs)
    }
    return atMs
  }

  /** The same for one device: one that is out of reach can be caught up with later. */
  device(index: number): Device {
    return this.#devices[index]!
  }

  /**
   * News that an order was shipped; the same order again changes nothing. `packContent` is what one pack adds, in the unit
   * of the slot: the quote's size of a pack, or the capacity when the units differ.
   */
  shipped(
    device: number,
    slot: number,
    order: { orderId: string; packs: number; packContent: number },
    sinceMs: number,
  ): void {
    this.#devices[device]!.shipped(slot, order, sinceMs)
  }

  /** Parcels found since the last call; what they held is poured in, or on the shelf until there is room. */
  takeParcels(): (Parcel & { device: number })[] {
    const found: (Parcel & { device: number })[] = []
    for (let device = 0; device < this.#devices.length; device++) {
      for (const parcel of this.#devices[device]!.takeParcels()) found.push({ device, ...parcel })
    }
    return found
  }

  /** What its people answer who are asked whether to buy: yes when at most half is left, shelf included. */
  agrees(device: number, slot: number): boolean {
    const { content, shelf, kind } = this.#slot(device, slot)
    return content + shelf <= kind.capacity / 2
  }

  /** What is truly left, in the unit of the slot, also in one that counts up. */
  trueLevel(device: number, slot: number): number {
    return this.#slot(device, slot).content
  }

  /** Its home wanted more of it than it could give, and nobody has filled it since. */
  isEmpty(device: number, slot: number): boolean {
    return this.#slot(device, slot).isEmpty
  }

  #slot(device: number, slot: number) {
    return this.#devices[device]!.slots[slot]!
  }
}

const DOSE_FIELDS = { ml: 'doseMl', g: 'doseGrams', count: 'doseCount', percent: 'dosePercent' } as const
const WANTED_FIELDS = { ml: 'wantedMl', g: 'wantedGrams', count: 'wantedCount', percent: 'wantedPercent' } as const

/** The detail of an event as it goes over the wire: units in the names. */
export function eventDetail(
  { description }: Pick<DeviceFace, 'description'>,
  { type, program, size, slot, dose, wanted, code }: DeviceEvent,
): Record<string, string | number> {
  const filled = description.slots[slot]
  return {
    ...(code !== '' && { code }),
    program,
    ...(type === 'cycle-started' && { loadShare: Math.round(size * 100) / 100 }),
    ...(filled !== undefined && { slot: filled.slot }),
    ...(filled !== undefined && type === 'dose-short' && { [WANTED_FIELDS[filled.unit]]: wanted }),
    ...(filled !== undefined && { [DOSE_FIELDS[filled.unit]]: dose }),
  }
}
