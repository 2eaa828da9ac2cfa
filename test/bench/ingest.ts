/**
 * How fast the gateway takes durable reports: QoS 1, 130 bytes of JSON, 50 connections × 20 in flight, each PUBACK after its
 * commit with synchronous = FULL; beside a bare Aedes and mosquitto, which store nothing. Rounds alternate, and the figures
 * are medians of each round's ratio: absolute rates drift with the machine, ratios do not (when the other cores are free).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { parseArgs } from 'node:util'
import { busySeconds, cpuSeconds } from './cpu.ts'

const HELP = `Usage: npm run bench:ingest -- [--rounds 5] [--seconds 3] [--json]

Measures acknowledged reports per second of the gateway (each on disk before its PUBACK), of a bare Aedes and of mosquitto.
mosquitto comes from Debian: apt-get install -y mosquitto
--json prints one line at the end: {"bench":"ingest","figures":{…}}`

/** Above this the other processes of the machine distort the ratios. */
const QUIET_CORES = 0.3
const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find(existsSync)

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(HELP)
  process.exit(0)
}

type Target = { name: string; port: number; password: string; child: ChildProcess }
/** CPU µs are the target's own per acknowledged message: the figure that a busy machine distorts least. */
type Round = { acksPerSecond: number; cpuMicrosPerMessage: number | undefined; othersCores: number | undefined }

const rounds = Math.max(1, Number(options.rounds))
const seconds = Math.max(1, Number(options.seconds))
if (MOSQUITTO === undefined) console.log('mosquitto is missing; to compare with it: apt-get install -y mosquitto')
const folder = mkdtempSync(join(tmpdir(), 'bench-mosquitto-'))
const load = spawn(process.execPath, [join(import.meta.dirname, 'ingest-load.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const loadLines = linesOf(load)
const targets = [await nodeTarget('aedes'), await nodeTarget('gateway')]
if (MOSQUITTO !== undefined) targets.push(await mosquitto(MOSQUITTO))

const results = new Map<string, Round[]>(targets.map((target) => [target.name, []]))
// Round 0 warms the compilers up and is not counted.
for (let round = 0; round <= rounds; round++) {
  // Each round begins with another target, so that a drift of the machine hits all alike.
  for (const target of [...targets.slice(round % targets.length), ...targets.slice(0, round % targets.length)]) {
    const result = await measure(target, round)
    if (round === 0) continue
    results.get(target.name)!.push(result)
    if (!options.json) console.log(`round ${round}  ${target.name.padEnd(10)} ${describe(result)}`)
  }
}
for (const target of targets) target.child.kill('SIGTERM')
load.kill('SIGTERM')
rmSync(folder, { recursive: true })

const figures = {
  ingestAcksPerSecond: Math.round(median(rates('gateway'))),
  ingestRatioToAedes: ratioTo('aedes'),
  ingestRatioToMosquitto: MOSQUITTO === undefined ? null : ratioTo('mosquitto'),
  ingestCpuMicrosPerMessage: cpuMicros('gateway'),
  aedesCpuMicrosPerMessage: cpuMicros('aedes'),
  othersCores: median([...results.values()].flat().flatMap((result) => result.othersCores ?? [])),
}
console.log(options.json ? JSON.stringify({ bench: 'ingest', figures }) : figures)
if (figures.othersCores > QUIET_CORES) {
  console.error(`Other processes used ${figures.othersCores} cores: the ratios hold only below ${QUIET_CORES}.`)
}

async function measure(target: Target, round: number): Promise<Round> {
  const cpu = () => ({ busy: busySeconds(), target: cpuSeconds(target.child.pid!), load: cpuSeconds(load.pid!) })
  const beganAt = performance.now()
  const before = cpu()
  load.stdin!.write(`${JSON.stringify({ port: target.port, password: target.password, seconds, round })}\n`)
  const { acksPerSecond, acks } = JSON.parse(await loadLines()) as { acksPerSecond: number; acks: number }
  const after = cpu()
  const targetSeconds = after.target - before.target
  const others = after.busy - before.busy - targetSeconds - (after.load - before.load)
  return {
    acksPerSecond,
    cpuMicrosPerMessage: Number.isNaN(targetSeconds) ? undefined : round2((targetSeconds * 1e6) / acks),
    othersCores: Number.isNaN(others)
      ? undefined
      : round2(Math.max(0, others) / ((performance.now() - beganAt) / 1000)),
  }
}

async function nodeTarget(name: 'aedes' | 'gateway'): Promise<Target> {
  // The gateway as `npm start` runs it.
  const flags = name === 'gateway' ? ['--max-semi-space-size=4'] : []
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'ingest-target.ts'), name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const next = linesOf(child)
  const { port, password } = JSON.parse(await next()) as { port: number; password: string }
  return { name, port, password, child }
}

/** In-memory mosquitto with its defaults but for the queue limits, which would throttle it. */
async function mosquitto(program: string): Promise<Target> {
  const port = await freePort()
  const file = join(folder, 'mosquitto.conf')
  writeFileSync(
    file,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nset_tcp_nodelay true\nlog_dest none\n`,
  )
  const child = spawn(program, ['-c', file], { stdio: 'ignore' })
  await reachable(port)
  return { name: 'mosquitto', port, password: 'none', child }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function reachable(port: number): Promise<void> {
  const { connect } = await import('node:net')
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`Nothing listens on 127.0.0.1:${port} after 5 s.`)
}

/** Returns a function that resolves to the child's next line, and rejects when it has exited. */
function linesOf(child: ChildProcess): () => Promise<string> {
  const lines: Interface = createInterface(child.stdout!)
  const iterator = lines[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`${child.spawnargs.join(' ')} ended early.`)
    return value
  }
}

function ratioTo(name: string): number {
  const others = rates(name)
  return round2(median(rates('gateway').map((rate, round) => rate / others[round]!)))
}

function cpuMicros(name: string): number {
  return median(results.get(name)!.flatMap((result) => result.cpuMicrosPerMessage ?? []))
}

function rates(name: string): number[] {
  return results.get(name)!.map((result) => result.acksPerSecond)
}

function describe(result: Round): string {
  const rate = Math.round(result.acksPerSecond).toString().padStart(7)
  return `${rate} acks/s, ${result.cpuMicrosPerMessage ?? '?'} CPU µs/message; others used ${result.othersCores ?? '?'} cores`
}

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function round2(value: number): number {
  return Math.round(value * 100) / 100
}
