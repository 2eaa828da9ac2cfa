import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { HomeProcesses } from '../support/home-processes.ts'
import { BoardDevice, Bottle, startBridge, viewOf } from './board-device.ts'
import { balanceOf, problemsOf } from './home.ts'
import { POINTS, reached } from './points.ts'

const ON_THE_LINE = 'low level on the line'
/** Where the bridge is killed: what it has heard and not passed on is gone with it, what the gateway has is not. */
export const BRIDGE_POINTS = [ON_THE_LINE, 'reading stored', 'order needed', 'shipped'] as const
type BridgePoint = (typeof BRIDGE_POINTS)[number]

/** From round to round a step later; so a quarter of the kills (5 of 20) took a level with them that the gateway did not have yet. */
const KILL_STEP_MS = 1
const KILL_STEPS = 10
const LOW = 200

/** A home with a serial board, whose bridge is killed while a level falls, and in which each round is a new pairing. */
export class BridgeHome {
  readonly #point: BridgePoint
  readonly #home: HomeProcesses
  readonly #board: Bottle
  #rounds = 0

  private constructor(point: BridgePoint, home: HomeProcesses) {
    this.#point = point
    this.#home = home
    this.#board = new Bottle(join(home.folder, 'board-1'))
  }

  static async start(point: BridgePoint): Promise<BridgeHome> {
    const it = new BridgeHome(point, await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'error' }))
    try {
      await it.#board.plugIn()
      await startBridge(it.#home)
    } catch (error) {
      await it.close()
      throw error
    }
    return it
  }

  /** Resolves to what is wrong, and how long the whole round took. */
  async round(): Promise<{ problems: string[]; tookMs: number }> {
    const startedAt = performance.now()
    const problems = await this.#round(`bottle-${this.#rounds++}`).catch((error: unknown) => [
      String(error),
      ...(this.#home.bridge?.lines ?? []),
    ])
    return { problems, tookMs: performance.now() - startedAt }
  }

  async close(): Promise<void> {
    await this.#home.close()
    await this.#board.unplug()
  }

  async #round(deviceId: string): Promise<string[]> {
    const device = await BoardDevice.pair(this.#home, deviceId, this.#board)
    const before = await balanceOf(this.#home)
    await Promise.all([device.runLow(), this.#kill(deviceId)])
    await this.#lamp(1)
    await device.refill()
    await this.#lamp(0)
    return await problemsOf(this.#home, [device], { before, orders: 1 })
  }

  /** Resolves when the board is in service again, which nobody has helped with. */
  async #kill(deviceId: string): Promise<void> {
    const home = this.#home
    if (this.#point === ON_THE_LINE) {
      await home.until(
        async () => this.#board.grams,
        (grams) => grams === LOW,
        1,
      )
      await wait((this.#rounds % KILL_STEPS) * KILL_STEP_MS)
    } else await reached(home, POINTS.find(({ name }) => name === this.#point)!, deviceId)
    await home.bridge?.kill()
    this.#board.lamp = undefined
    await startBridge(home)
    await home.until(
      () => viewOf(home),
      (view) => view?.state === 'online' && view.mqtt === 'online' && view.deviceId === deviceId && view.signed,
    )
  }

  async #lamp(wanted: number): Promise<void> {
    await this.#home.until(
      async () => this.#board.lamp,
      (lamp) => lamp === wanted,
    )
  }
}
