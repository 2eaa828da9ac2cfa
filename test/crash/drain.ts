import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { HomeProcesses } from '../support/home-processes.ts'
import { CrashDevice } from './device.ts'
import { Reporter } from './reporter.ts'

/** What does not answer any more while a stop is asked for; always with devices at full rate and an order under way. */
export const DRAINS = ['nothing', 'seller', 'chain', 'webhook'] as const
export type Drain = (typeof DRAINS)[number]
export const drainName = (hung: Drain) =>
  hung === 'nothing' ? 'SIGTERM under full load' : `SIGTERM under full load while the ${hung} hangs`

const STOP_WITHIN_MS = 10_000
const REPORTERS = 4
const IN_FLIGHT = 50
const LOAD_MS = 500

/** A home under load, which is stopped over and over while a part of it hangs. */
export class DrainHome {
  readonly #home: HomeProcesses
  readonly #webhook: Server
  readonly #hung: Drain
  readonly #reporters: Reporter[] = []
  #rounds = 0

  private constructor(hung: Drain, home: HomeProcesses, webhook: Server) {
    this.#hung = hung
    this.#home = home
    this.#webhook = webhook
  }

  static async start(hung: Drain): Promise<DrainHome> {
    const held = new Set<Socket>()
    // It takes what it is sent, and never answers.
    const webhook = createServer((socket) => held.add(socket.on('error', () => undefined).resume()))
    webhook.listen(0, '127.0.0.1')
    await once(webhook, 'listening')
    webhook.unref()
    const { port } = webhook.address() as { port: number }
    const home = await HomeProcesses.start({
      ADEPT_LOG_LEVEL: 'warn',
      ADEPT_MQTT_LIMITS_MESSAGES_PER_SECOND: '1000000',
      ...(hung === 'webhook' && { ADEPT_NOTIFY_WEBHOOK_URL: `http://127.0.0.1:${port}/` }),
    })
    const it = new DrainHome(hung, home, webhook)
    try {
      for (let reporter = 0; reporter < REPORTERS; reporter++) {
        it.#reporters.push(await Reporter.start(home, `meter-${reporter}`, { inFlight: IN_FLIGHT, everyMs: 0 }))
      }
    } catch (error) {
      await it.close()
      throw error
    }
    return it
  }

  /** Resolves to what was wrong, and how long the stop took. */
  async round(): Promise<{ problems: string[]; tookMs: number }> {
    const home = this.#home
    const hung = this.#hung
    const device = await CrashDevice.add(home, `washer-${this.#rounds++}`)
    const living = device.live()
    living.catch(() => undefined)
    await wait(LOAD_MS)
    const pid = hung === 'seller' ? home.shop.child.pid : hung === 'chain' ? readNodeFile(home.folder)?.pid : undefined
    if (pid !== undefined) process.kill(pid, 'SIGSTOP')
    await wait(LOAD_MS)
    const startedAt = performance.now()
    await home.gateway.stop()
    const stopMs = performance.now() - startedAt
    const { exitCode, signalCode } = home.gateway.child
    if (pid !== undefined) resume(pid)
    await home.startGateway()
    await living
    const problems = this.#reporters.flatMap((reporter) => reporter.problems(home))
    if (stopMs > STOP_WITHIN_MS || signalCode !== null) problems.push(`It took ${Math.round(stopMs)} ms to stop.`)
    if (hung === 'nothing' && exitCode !== 0) problems.push(`It ended with ${exitCode}.`)
    await device.close()
    return { problems, tookMs: stopMs }
  }

  async close(): Promise<void> {
    for (const reporter of this.#reporters) await reporter.close()
    this.#webhook.close()
    await this.#home.close()
  }
}

/** It may have been ended meanwhile. */
function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // Then there is nothing to resume.
  }
}
