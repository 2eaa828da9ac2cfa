import { type Ends, type GatewayOptions, openGround } from './ground.ts'
import { openHomeownersSide } from './homeowner.ts'
import { systemClock } from './lib/clock.ts'
import { httpRequest } from './lib/http-request.ts'
import { Scheduler, type Worker } from './lib/scheduler.ts'
import { storageProblem } from './lib/storage-problem.ts'
import { openLine } from './line.ts'
import { alivePing } from './notify/alive.ts'
import { statusBroker } from './notify/status-broker.ts'
import type { Endpoints } from './ports/onboarding.ts'

export type Gateway = {
  httpUrl: string
  mqttPort: number
  endpoints: Endpoints
  /**
   * Ends what came in last first, whatever fails on the way; what was acknowledged is on disk long since. Resolves within 9 s
   * to what did not end as it should, as sentences.
   */
  stop(): Promise<string[]>
}

/** A part that hangs, as on a chain or a webhook that does not answer, is left so after this: it repeats what it was at. */
const PART_STOP_MS = 3_000
const STOP_MS = 9_000
const MINUTE_MS = 60_000
/** Longer than `/readyz` takes for itself. */
const READY_TIMEOUT_MS = 10_000
const SIGNS_POLL_MS = 10_000

/** Joins the parts, starts them in the order of the line, and stops them the other way. Throws a sentence when one cannot start. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, virtualTime } = options
  const ends: Ends = []
  const stop = () => endAll(ends.splice(0).reverse())
  try {
    const ground = await openGround(options, ends)
    const line = await openLine(ground, () => web.nudge())
    let mqttPort = 0
    const web = openHomeownersSide(ground, line, () => mqttPort)

    // The door first: devices wait for it; nobody is answered before its port is known.
    const { door, scheduler } = line
    mqttPort = (await door.start()).port
    ends.push({ part: 'the broker', end: () => door.stop() })
    const { url: httpUrl } = await web.start()
    ends.push({ part: 'the API', end: () => web.stop() })
    // In virtual time the leader alone says when there is work: then what follows from a reading has one order only.
    if (virtualTime === undefined) scheduler.start()
    ends.push({ part: 'a stage of the line', end: () => scheduler.stop() })
    const { onHead, setTime, keepBlocks } = ground.opened
    ends.push({ part: 'the watch of the chain', end: onHead(() => scheduler.nudge('watch')) })
    virtualTime?.follow({
      scheduler,
      ...(setTime && { onTime: (nowMs: number) => setTime(Math.floor(nowMs / 1000)) }),
      ...(keepBlocks && { onDrained: keepBlocks }),
      onLost: (reason) => log.warn(reason),
    })
    if (virtualTime !== undefined) ends.push({ part: 'virtual time', end: () => virtualTime.close() })
    await ground.verbs.resume()
    if (virtualTime === undefined) await giveSignsOfLife(options, httpUrl, ends)
    return { httpUrl, mqttPort, endpoints: door.endpoints(), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Tells whoever waits for it outside that the gateway is ready; `/readyz` is asked as they would. */
async function giveSignsOfLife({ config, log }: GatewayOptions, httpUrl: string, ends: Ends): Promise<void> {
  const { aliveUrl, aliveEveryMinutes, statusBroker: broker } = config.notify
  const parts = {
    isReady: () =>
      httpRequest(`${httpUrl}/readyz`, { method: 'GET', timeoutMs: READY_TIMEOUT_MS, maxAnswerBytes: 65_536 }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    clock: systemClock,
    onProblem: (sentence: string) => log.warn(sentence),
  }
  const workers: Worker[] = []
  if (aliveUrl !== undefined) {
    workers.push(alivePing({ ...parts, url: aliveUrl, everyMs: aliveEveryMinutes * MINUTE_MS }))
  }
  if (broker !== undefined) {
    const status = await statusBroker({ ...parts, broker, homeId: config.home.id })
    workers.push(status.worker)
    ends.push({ part: 'the status on the broker of the house', end: status.stop })
  }
  const signs = new Scheduler(workers, {
    clock: systemClock,
    pollMs: SIGNS_POLL_MS,
    onFault: (worker, err) => log.error({ worker, err }, 'a fault'),
  })
  signs.start()
  ends.push({ part: 'the sign of life', end: () => signs.stop() })
}

/** Ends one after the other, each in its time; sentences tell of those that failed. */
async function endAll(ends: Ends): Promise<string[]> {
  const problems: string[] = []
  const deadlineMs = performance.now() + STOP_MS
  for (const { part, end } of ends) {
    const timeMs = Math.max(0, Math.min(PART_STOP_MS, deadlineMs - performance.now()))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, timeMs, 'late')
    })
    try {
      const outcome = await Promise.race([(async () => end())(), late])
      if (outcome === 'late')
        problems.push(`Stopping: ${part} did not end within ${timeMs / 1000} s and is left as it is.`)
    } catch (error) {
      const why = storageProblem(error)?.sentence ?? (error instanceof Error ? error.message : String(error))
      problems.push(`Stopping: ${part} did not end as it should. ${why} Nothing that was acknowledged is lost.`)
    } finally {
      clearTimeout(timer)
    }
  }
  return problems
}
