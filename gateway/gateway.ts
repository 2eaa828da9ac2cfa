import { type Ends, type GatewayOptions, openGround } from './ground.ts'
import { openHomeownersSide } from './homeowner.ts'
import { openLine } from './line.ts'
import type { Endpoints } from './ports/onboarding.ts'

export type Gateway = {
  httpUrl: string
  mqttPort: number
  endpoints: Endpoints
  /** Ends what came in last first; resolves when all that was acknowledged is on disk. */
  stop(): Promise<void>
}

/** Joins the parts, starts them in the order of the line, and stops them the other way. Throws a sentence when one cannot start. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, virtualTime } = options
  const ends: Ends = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const ground = await openGround(options, ends)
    const line = await openLine(ground, () => web.nudge())
    let mqttPort = 0
    const web = openHomeownersSide(ground, line, () => mqttPort)

    // The door first: devices wait for it; nobody is answered before its port is known.
    const { door, scheduler } = line
    mqttPort = (await door.start()).port
    ends.push(() => door.stop())
    const { url: httpUrl } = await web.start()
    ends.push(() => web.stop())
    // In virtual time the leader alone says when there is work: then what follows from a reading has one order only.
    if (virtualTime === undefined) scheduler.start()
    ends.push(() => scheduler.stop())
    const { onHead, setTime } = ground.opened
    ends.push(onHead(() => scheduler.nudge('watch')))
    virtualTime?.follow({
      scheduler,
      ...(setTime && { onTime: (nowMs: number) => setTime(Math.floor(nowMs / 1000)) }),
      onLost: (reason) => log.warn(reason),
    })
    if (virtualTime !== undefined) ends.push(() => virtualTime.close())
    await ground.verbs.resume()
    return { httpUrl, mqttPort, endpoints: door.endpoints(), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
