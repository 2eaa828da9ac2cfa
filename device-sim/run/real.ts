import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { Seed } from '../../gateway/lib/seed.ts'
import { Fleet } from '../fleet/fleet.ts'
import { HomeModel, type HomePlan, planHomes } from '../models/home.ts'
import type { Scenario } from '../scenario/schema.ts'
import { type Scene, Stage } from '../stage.ts'
import { FleetSink } from './fleet-sink.ts'
import { HomeErrands } from './home-errands.ts'
import { authorizeDevices, devicesOf, type HomeDevice, registerHomes } from './move-in.ts'
import { homeIdOf } from './names.ts'
import { orderLines } from './order-lines.ts'
import { raiseFor } from './raise.ts'
import type { RealOptions, RealScene } from './real-scene.ts'
import { Recorder } from './recorder.ts'
import type { DayRow, RunResult } from './result.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Real time between two looks whether what was struck runs again. */
const STRUCK_POLL_MS = 20
/** Turns of the event loop in which everything that has arrived is read: one reads up to 1,024 sockets. */
const TURNS = 4

/**
 * Plays a scenario through the real gateway and the real shop, over MQTT and a development chain, in virtual time: in each
 * tick all homes live, what they say is stored, and everything settles once. The same seed gives the same orders.
 */
export async function runReal(scenario: Scenario, options: RealOptions): Promise<RunResult> {
  options.signal.throwIfAborted()
  const stage = new Stage()
  const ended = new Promise<never>((_resolve, reject) => {
    options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true })
  })
  ended.catch(() => undefined)
  try {
    return await Promise.race([play(stage, scenario, options), stage.fault, ended])
  } catch (error) {
    throw await stage.causeOf(error)
  } finally {
    await stage.stop()
  }
}

async function play(stage: Stage, scenario: Scenario, options: RealOptions): Promise<RunResult> {
  const startMs = Date.parse(scenario.start)
  const plans = planHomes(scenario)
  const run = new RealRun(stage, scenario, options, plans, startMs)
  await run.prepare()
  const beganAt = performance.now()
  await run.live()
  const realSeconds = (performance.now() - beganAt) / 1000
  await options.atEnd(run.scene)
  return run.result(realSeconds)
}

class RealRun {
  readonly #stage: Stage
  readonly #scenario: Scenario
  readonly #options: RealOptions
  readonly #plans: readonly HomePlan[]
  readonly #models: readonly HomeModel[]
  readonly #devices: readonly HomeDevice[]
  readonly #devicesOfHome: readonly (readonly HomeDevice[])[]
  readonly #startMs: number
  readonly #tickMs: number
  readonly #days: Omit<DayRow, 'orders'>[] = []
  readonly #recorder: Recorder
  readonly #errands: HomeErrands
  #sinks: FleetSink[] = []
  #raised: { scene: Scene; fleet: Fleet } | undefined

  constructor(stage: Stage, scenario: Scenario, options: RealOptions, plans: readonly HomePlan[], startMs: number) {
    this.#stage = stage
    this.#scenario = scenario
    this.#options = options
    this.#plans = plans
    this.#startMs = startMs
    this.#tickMs = scenario.tickMinutes * MINUTE_MS
    this.#models = plans.map((plan) => new HomeModel(plan, startMs))
    this.#devices = devicesOf(plans)
    this.#devicesOfHome = plans.map((_, home) => this.#devices.filter((device) => device.home === home))
    this.#recorder = new Recorder(plans, this.#models, startMs)
    this.#errands = new HomeErrands(this.#models, () => this.#on().scene.api)
  }

  get scene(): RealScene {
    const stage = this.#stage
    const { scene, fleet } = this.#on()
    const [first] = this.#devices
    return {
      gatewayData: stage.gatewayData,
      merchantData: stage.merchantData,
      seller: scene.seller,
      time: scene.time,
      get api() {
        return scene.api
      },
      get rpcUrl() {
        return stage.rpcUrl()
      },
      kill: (victim, isMidst) => stage.kill(victim, isMidst),
      sellerAway: () => stage.sellerAway(),
      sellerBack: () => stage.sellerBack(),
      victim: { deviceId: first!.deviceId, slot: this.#plans[0]!.devices[0]!.description.slots[0]!.slot },
      homeIdOf,
      acknowledged: () => fleet.acknowledged(),
      received: () => this.#errands.received,
    }
  }

  /** Raises everything, and brings the homes to the point where their devices may buy. */
  async prepare(): Promise<void> {
    const { seed } = this.#scenario
    this.#tell('starting gateway, shop and chain', 0)
    const scene = await raiseFor(this.#stage, this.#scenario, this.#startMs, this.#devices.length)
    const onProgress = (phase: string) => this.#tell(phase, 0)
    const passwords = await registerHomes(this.#plans, this.#devices, scene.api, onProgress)
    onProgress(`connecting ${this.#devices.length} devices`)
    const fleet = new Fleet({
      devices: this.#devices.map(({ home, device, deviceId }) => ({
        deviceId,
        password: passwords.get(deviceId)!,
        description: this.#plans[home]!.devices[device]!.description,
        sessionOf: (boot) => new Seed(`session ${seed} ${deviceId} ${boot}`).hex(8),
      })),
      port: () => scene.api.mqttPort,
      onOrder: (place, message) => this.#errands.hear(this.#devices[place]!, message),
    })
    this.#raised = { scene, fleet }
    this.#stage.endsWith(() => fleet.close())
    await fleet.connect()
    this.#sinks = this.#plans.map(({ index, devices }, home) => {
      const skewMs = devices.map(({ name }) => this.#options.plan.skewMs(index, name))
      const first = this.#devices.findIndex((device) => device.home === home)
      return new FleetSink(fleet, this.#models[home]!.devices, first, skewMs)
    })
    const { rpcUrl } = this.scene
    await authorizeDevices(this.#devices, { api: scene.api, sellerUrl: scene.seller.url, rpcUrl, seed, onProgress })
    await scene.time.settle()
    onProgress('switching on')
    for (const [home, model] of this.#models.entries()) model.switchOn(this.#startMs, this.#sinks[home]!)
    await fleet.flush()
    await scene.time.settle()
    await this.#read()
  }

  async live(): Promise<void> {
    const ticks = Math.round((this.#scenario.days * DAY_MS) / this.#tickMs)
    let day = { beganAt: performance.now(), reports: 0 }
    for (let tick = 0; tick < ticks; tick++) {
      const atMs = this.#startMs + (tick + 1) * this.#tickMs
      this.#options.signal.throwIfAborted()
      await this.#tick(tick, atMs)
      const daysLived = (atMs - this.#startMs) / DAY_MS
      this.#tell('day', daysLived)
      if (!Number.isInteger(daysLived)) continue
      const now = { beganAt: performance.now(), reports: this.#reports }
      this.#days.push({
        day: daysLived - 1,
        reports: now.reports - day.reports,
        emptySlots: this.#recorder.empty,
        realMs: Math.round(now.beganAt - day.beganAt),
      })
      day = now
    }
    this.#recorder.end(this.#on().scene.time.nowMs())
  }

  result(realSeconds: number): RunResult {
    const { seed, days, population } = this.#scenario
    const orders = orderLines(this.#stage.gatewayData, this.#plans, this.#devices, this.#startMs)
    const ordersOf = Map.groupBy(orders, ({ day }) => Math.min(day, days - 1))
    return {
      kind: 'real',
      seed,
      virtualDays: days,
      realSeconds,
      homes: population.homes,
      devices: this.#devices.length,
      orders,
      levels: this.#recorder.levels,
      stockOuts: this.#recorder.stockOuts,
      days: this.#days.map((row) => ({ ...row, orders: ordersOf.get(row.day)?.length ?? 0 })),
      counts: {
        reports: this.#reports,
        cycles: this.#sinks.reduce((sum, { cycles }) => sum + cycles, 0),
        deviceDays: this.#devices.length * days,
        orders: orders.length,
        parcels: this.#errands.parcels,
      },
      problems: this.#errands.problems,
    }
  }

  async #tick(tick: number, atMs: number): Promise<void> {
    const { plan, strike } = this.#options
    const { scene, fleet } = this.#on()
    await this.#errands.readShipped()
    for (const [home, model] of this.#models.entries()) model.liveUntil(atMs, this.#sinks[home]!)
    const happenings = plan.happeningsAt(tick)
    for (const happening of happenings) if (happening.when === 'between') await strike(happening, this.scene)
    await scene.time.moveTo(atMs)
    const struck = Promise.all(
      happenings.filter(({ when }) => when === 'midst').map((happening) => strike(happening, this.scene)),
    ).then(() => true)
    struck.catch(() => undefined)
    await fleet.flush((place, reports) => {
      const { home, device } = this.#devices[place]!
      const { index, devices } = this.#plans[home]!
      return plan.wire(index, devices[device]!.name, tick, reports)
    })
    await this.#errands.sayReceived(this.#devicesOfHome)
    // A strike may wait for another one, and then for somebody's work: one settling may not be enough.
    for (let isOver = false; !isOver; await scene.time.settle()) {
      isOver = await Promise.race([struck, wait(STRUCK_POLL_MS, false)])
    }
    await this.#read()
    // What a yes leads to may lead to a question again, but not for ever: the next tick is soon enough.
    if (await this.#errands.answerQuestions()) await scene.time.settle()
    this.#recorder.look(atMs, (home, device, slot) => this.#sinks[home]!.seen[device]![slot]!)
  }

  /** Reads what the gateway said while it settled: it has been sent, since the gateway writes before it answers. */
  async #read(): Promise<void> {
    for (let count = 0; count < TURNS; count++) await turn()
  }

  get #reports(): number {
    return this.#sinks.reduce((sum, { reports }) => sum + reports, 0)
  }

  #on(): { scene: Scene; fleet: Fleet } {
    if (this.#raised === undefined) throw new Error('The gateway of this run is not raised yet.')
    return this.#raised
  }

  #tell(phase: string, day: number): void {
    const { orderIds } = this.#errands
    this.#options.onProgress({
      phase,
      day,
      ofDays: this.#scenario.days,
      reports: this.#reports,
      orders: orderIds.size,
    })
  }
}
