/** PUBACK latency of a steady load while a million old readings are thinned, and while they are left alone. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { generate } from 'mqtt-packet'
import { median, percentile, QUIET_CORES, round2, watchOthers } from './cpu.ts'

const READINGS = 1_000_000
const MESSAGES_PER_SECOND = 2_000
const CONNECTIONS = 50
const TICK_MS = 5
const WARM_UP_MS = 1_000

const HELP = `node test/bench/retention.ts [--rounds 3] [--seconds 8] [--readings ${READINGS}] [--json]
Prints the PUBACK latency at ${MESSAGES_PER_SECOND} messages a second with and without thinning, in alternating rounds.`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    readings: { type: 'string', default: String(READINGS) },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(HELP)
else await bench(Number(values.rounds), Number(values.seconds))

type Round = { p50Ms: number; p99Ms: number; otherCpuCores: number }
type Done = { hours_until: number; thinned_until: number; slices: number; sliceP50Ms: number; sliceP99Ms: number }
type Target = { name: 'leave' | 'thin'; port: number; password: string; child: ChildProcess; next(): Promise<string> }

async function bench(rounds: number, seconds: number): Promise<void> {
  const targets = [await start('leave'), await start('thin')]
  const results = { leave: [] as Round[], thin: [] as Round[] }
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      const result = await measure(target, seconds, round)
      results[target.name].push(result)
      const { p50Ms, p99Ms, otherCpuCores } = result
      const noise = otherCpuCores > QUIET_CORES ? ', too many to trust it' : ''
      console.log(
        `${target.name.padEnd(6)} PUBACK p50 ${p50Ms} ms, p99 ${p99Ms} ms; others used ${otherCpuCores} cores${noise}`,
      )
    }
  }
  const done: Done[] = []
  for (const { child, next } of targets) {
    child.kill('SIGTERM')
    done.push(JSON.parse(await next()) as Done)
  }
  const figures = {
    pubackP99LeftMs: median(results.leave.map(({ p99Ms }) => p99Ms)),
    pubackP99ThinningMs: median(results.thin.map(({ p99Ms }) => p99Ms)),
    sliceP50Ms: done[1]!.sliceP50Ms,
    sliceP99Ms: done[1]!.sliceP99Ms,
    slices: done[1]!.slices,
    addedToHours: done[1]!.hours_until,
    thinned: done[1]!.thinned_until,
  }
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${value}`)
  if (values.json) console.log(JSON.stringify({ bench: 'retention', figures }))
}

async function start(name: Target['name']): Promise<Target> {
  const args = ['--max-semi-space-size=4', join(import.meta.dirname, 'retention-target.ts'), name, values.readings]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('The target ended early.')
    return value
  }
  const { port, password } = JSON.parse(await next()) as { port: number; password: string }
  return { name, port, password, child, next }
}

async function measure({ port, password, child }: Target, seconds: number, round: number): Promise<Round> {
  const devices = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, index) => device(port, password, index, round)),
  )
  const others = watchOthers([process.pid, child.pid!])
  const perTick = (MESSAGES_PER_SECOND * TICK_MS) / 1000
  const beganAtMs = performance.now()
  let sent = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const atMs = performance.now() - beganAtMs
      if (atMs > WARM_UP_MS + seconds * 1000) {
        clearInterval(timer)
        resolve()
        return
      }
      // Ticks may be late; the rate stays.
      for (const due = Math.ceil(atMs / TICK_MS) * perTick; sent < due; sent++) devices[sent % CONNECTIONS]!.send()
    }, TICK_MS)
  })
  await new Promise((resolve) => setTimeout(resolve, 500))
  const latenciesMs = devices.flatMap((each) => each.end(beganAtMs + WARM_UP_MS))
  return { p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99), otherCpuCores: round2(others()) }
}

/** One connection; `end` gives the latencies of what was sent from then on. */
async function device(port: number, password: string, index: number, round: number) {
  const deviceId = `bench-${index}`
  const socket: Socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  const hello = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 } as const
  socket.write(generate({ ...hello, clientId: deviceId, username: deviceId, password: Buffer.from(password) }))
  await once(socket, 'data')
  const sentAtMs: number[] = []
  const answers: { sentAtMs: number; tookMs: number }[] = []
  let acked = 0
  let cut = 0
  socket.on('data', (chunk: Buffer) => {
    const nowMs = performance.now()
    const bytes = cut + chunk.length
    cut = bytes % 4
    for (let count = Math.floor(bytes / 4); count > 0; count--, acked++) {
      answers.push({ sentAtMs: sentAtMs[acked]!, tookMs: nowMs - sentAtMs[acked]! })
    }
  })
  return {
    send(): void {
      const seq = sentAtMs.length
      const level = {
        session: `r${round}`,
        seq,
        measuredAtMs: Date.now(),
        slot: 'detergent',
        remaining: 1400 - (seq % 100),
        unit: 'ml',
      }
      const topic = `adept/v1/${deviceId}/consumable`
      const packet = {
        cmd: 'publish',
        topic,
        qos: 1,
        dup: false,
        retain: false,
        messageId: (seq % 65_535) + 1,
      } as const
      sentAtMs.push(performance.now())
      socket.write(generate({ ...packet, payload: JSON.stringify(level) }))
    },
    end(fromMs: number): number[] {
      socket.destroy()
      if (acked < sentAtMs.length)
        throw new Error(`${deviceId}: ${sentAtMs.length - acked} messages were not acknowledged.`)
      return answers.filter((answer) => answer.sentAtMs >= fromMs).map(({ tookMs }) => tookMs)
    },
  }
}
