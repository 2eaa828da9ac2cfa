/**
 * The devices of `fleet.ts` that are all connected at once, a process of its own, whose memory is theirs alone. Node runs it
 * with --expose-gc. Reads one word per line on stdin and answers one line of JSON each.
 */
import { createInterface } from 'node:readline'
import { Fleet } from '../../device-sim/fleet/fleet.ts'
import type { Description } from '../../gateway/wire/messages.ts'

const [port, password, count] = [Number(process.argv[2]), process.argv[3]!, Number(process.argv[4])]
const SETTLE_MS = 2_000
const slot = { slot: 'detergent', unit: 'ml', capacity: 1400, degradationDirection: 'down' } as const
const description: Description = { maker: 'Bench', model: 'B1', slots: [{ ...slot, replacementProducts: [] }] }
const sessionOf = (boot: number) => `f${process.pid}-${boot}`

let fleet: Fleet | undefined
for await (const word of createInterface(process.stdin)) {
  const beganAt = performance.now()
  let bytes = 0
  if (word === 'connect') {
    const before = await memory()
    fleet = new Fleet({
      devices: Array.from({ length: count }, (_, id) => ({
        deviceId: `bench-${id}`,
        password,
        description,
        sessionOf,
      })),
      port: () => port,
      onOrder: () => undefined,
    })
    await fleet.connect()
    bytes = ((await memory()) - before) / count
  } else {
    const measured = `"measuredAtMs":${Date.now()}`
    for (let id = 0; id < count; id++) {
      fleet?.report(id, 'consumable', `${measured},"slot":"detergent","remaining":${1400 - (id % 1000)},"unit":"ml"`)
    }
    await fleet?.flush()
  }
  const seconds = (performance.now() - beganAt) / 1000
  console.log(JSON.stringify({ seconds, bytes: Math.round(bytes), connected: fleet?.connected }))
}

async function memory(): Promise<number> {
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  globalThis.gc?.()
  return process.memoryUsage.rss()
}
