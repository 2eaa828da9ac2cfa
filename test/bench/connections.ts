/**
 * What a connection costs: ten thousand authenticated devices on the real gateway process, as `npm start` runs it, each
 * publishing durable reports with QoS 1; beside a bare Aedes, which checks and stores nothing, and mosquitto.
 * Memory is the growth of the process's resident memory after a warm-up, with all devices connected and publishing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Answer, Job } from './connections-load.ts'
import { bareAedes, gateway, mosquittoTarget, requireFiles, startNode, type Target } from './connections-targets.ts'
import { cpuSeconds, QUIET_CORES, round2, watchOthers } from './cpu.ts'
import { freePort, linesOf, MOSQUITTO } from './ingest-processes.ts'

const CONNECTIONS = 10_000
const WARM_UP_CONNECTIONS = 200
const EVERY_SECONDS = 10
const SECONDS = 20
/** Over TLS on a gateway of its own: one figure, for comparison. */
const TLS_CONNECTIONS = 500
const SETTLE_MS = 2_000

const HELP = `Usage: npm run bench:connections -- [--connections ${CONNECTIONS}] [--seconds ${SECONDS}] [--json]

Connects that many devices to the gateway, to a bare Aedes and to mosquitto (Debian: apt-get install -y mosquitto), lets each
publish every ${EVERY_SECONDS} s for so many seconds, and prints the time to connect the first half, the memory of each and the time to PUBACK.
--json prints one line at the end: {"bench":"connections","figures":{…}}`

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: String(CONNECTIONS) },
    seconds: { type: 'string', default: String(SECONDS) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(HELP)
  process.exit(0)
}

type Result = {
  connect5000Seconds: number
  bytesPerConnection: number
  bytesPerIdleConnection: number
  pubackP50Ms: number
  pubackP99Ms: number
  cpuMicrosPerConnect: number
}

const connections = Math.max(2, Number(options.connections))
requireFiles(connections)
const folder = mkdtempSync(join(tmpdir(), 'bench-connections-'))
const load = startNode(['test/bench/connections-load.ts'], connections)
const loadLines = linesOf(load)
const targets = [() => gateway(folder, connections), () => bareAedes(connections)]
const program = MOSQUITTO
if (program !== undefined) targets.push(() => mosquittoTarget(program, folder))
try {
  const results: Record<string, Result> = {}
  const others: number[] = []
  for (const open of targets) {
    const target = await open()
    const othersUntilNow = watchOthers([process.pid, load.pid!, target.pid])
    try {
      results[target.name] = await measure(target)
      others.push(othersUntilNow())
    } finally {
      target.stop()
    }
  }
  const tlsBytes = await measureTls()
  report(results, tlsBytes, Math.max(...others))
} finally {
  load.kill('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}

async function ask(job: Job): Promise<Answer> {
  load.stdin!.write(`${JSON.stringify(job)}\n`)
  return JSON.parse(await loadLines()) as Answer
}

async function measure(target: Target): Promise<Result> {
  const { port, password, pid, name } = target
  const say = (text: string) => options.json || console.log(`${name.padEnd(10)} ${text}`)
  await ask({ do: 'connect', port, password, from: 0, to: Math.min(WARM_UP_CONNECTIONS, connections) })
  await ask({ do: 'publish', seconds: 2, everySeconds: 1 })
  await ask({ do: 'disconnect' })
  await pause(SETTLE_MS)

  const before = residentBytes(pid)
  const cpuBefore = cpuSeconds(pid)
  const half = Math.ceil(connections / 2)
  const { seconds } = await ask({ do: 'connect', port, password, from: 0, to: half })
  const cpuMicrosPerConnect = Math.round(((cpuSeconds(pid) - cpuBefore) * 1e6) / half)
  say(`${half} connected in ${round2(seconds)} s, ${cpuMicrosPerConnect} µs of CPU each`)
  await ask({ do: 'connect', port, password, from: half, to: connections })
  await pause(SETTLE_MS)
  const idle = residentBytes(pid)
  say(`${connections} connected: ${perConnection(idle - before)} bytes each`)

  const samples: number[] = []
  const sampling = setInterval(() => samples.push(residentBytes(pid)), 500)
  const published = await ask({ do: 'publish', seconds: Number(options.seconds), everySeconds: EVERY_SECONDS })
  clearInterval(sampling)
  const most = Math.max(...samples)
  say(
    `${connections} publishing every ${EVERY_SECONDS} s: ${perConnection(most - before)} bytes each; ` +
      `PUBACK p50 ${round2(published.p50Ms)} ms, p99 ${round2(published.p99Ms)} ms (${published.acks} messages, ${published.late} held up)`,
  )
  await ask({ do: 'disconnect' })
  return {
    connect5000Seconds: round2((seconds * 5_000) / half),
    bytesPerConnection: perConnection(most - before),
    bytesPerIdleConnection: perConnection(idle - before),
    pubackP50Ms: round2(published.p50Ms),
    pubackP99Ms: round2(published.p99Ms),
    cpuMicrosPerConnect,
  }
}

/** Resident memory that each of a few hundred idle TLS connections takes. */
async function measureTls(): Promise<number> {
  const tlsPort = await freePort()
  const target = await gateway(folder, TLS_CONNECTIONS, { ADEPT_MQTT_TLS_PORT: String(tlsPort) })
  try {
    const connect = { do: 'connect', port: tlsPort, password: target.password, tls: true } as const
    await ask({ ...connect, from: 0, to: 50 })
    await ask({ do: 'disconnect' })
    await pause(SETTLE_MS)
    const before = residentBytes(target.pid)
    const { seconds } = await ask({ ...connect, from: 0, to: TLS_CONNECTIONS })
    await pause(SETTLE_MS)
    const bytes = Math.round((residentBytes(target.pid) - before) / TLS_CONNECTIONS)
    options.json ||
      console.log(`gateway    ${TLS_CONNECTIONS} connected by TLS in ${round2(seconds)} s: ${bytes} bytes each`)
    await ask({ do: 'disconnect' })
    return bytes
  } finally {
    target.stop()
  }
}

function report(results: Record<string, Result>, bytesPerTlsConnection: number, otherCpuCores: number): void {
  const { gateway: ours, ...peers } = results
  const figures = { ...ours, bytesPerTlsConnection, connections, otherCpuCores, ...peers }
  console.log(options.json ? JSON.stringify({ bench: 'connections', figures }) : figures)
  if (otherCpuCores > QUIET_CORES) {
    console.error(
      `Other processes used up to ${otherCpuCores} cores: times hold only below ${QUIET_CORES}, memory always.`,
    )
  }
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

function perConnection(bytes: number): number {
  return Math.round(bytes / connections)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
