/**
 * What simulated homes cost: device-days a second of the pure run on one core; ten thousand light devices on the real gateway
 * at once, counted in its own rows; thirty days of a thousand homes through the real gateway, shop and chain. In the real run
 * this process is the generator (homes, devices, wallets, time), and all that it started is the product.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import type { z } from 'zod'
import { FaultPlan } from '../../device-sim/faults/plan.ts'
import { runPure } from '../../device-sim/run/pure.ts'
import { runReal } from '../../device-sim/run/real.ts'
import type { RunProgress } from '../../device-sim/run/result.ts'
import { type Population, Scenario } from '../../device-sim/scenario/schema.ts'
import { gateway, requireFiles, startNode } from './connections-targets.ts'
import { busySeconds, familyCpuSeconds, QUIET_CORES, round2 } from './cpu.ts'
import { linesOf } from './ingest-processes.ts'

const HOMES = 1_000
const DAYS = 30
const CONNECTIONS = 10_000
const PARTS = ['pure', 'connected', 'real'] as const
/** In homes of 3 and 4 people a washer runs once a day on average. */
const PURE = { homes: 1_000, people: { 3: 2, 4: 1 }, days: 365 }
/** The compiler of Node goes on making the code faster for about three rounds. */
const WARM_UP_ROUNDS = 3
const ROUNDS = 5
/** Ways of the progress on the real run. */
const MINUTES = 60

const HELP = `Usage: npm run bench:fleet -- [--homes ${HOMES}] [--days ${DAYS}] [--connections ${CONNECTIONS}] [--part ${PARTS.join('|')}] [--json]

deviceDaysPerSecond   pure run: device-days (24 readings and more, one cycle) a second of processor time, all threads counted;
                      the fastest of ${ROUNDS} rounds after ${WARM_UP_ROUNDS} of warm-up (what else runs only slows it)
connectedDevices      light devices that published at once, as the rows of the gateway count them
bytesPerIdleDevice    resident memory that each takes in their process while it is silent
fleetMinutes          real run: so many days of so many homes with their orders, in virtual time
generatorCpuShare     of the real run: the simulation's part of all CPU time
--part measures one of them; --json prints one line at the end: {"bench":"fleet","figures":{…}}`

const { values: options } = parseArgs({
  options: {
    homes: { type: 'string', default: String(HOMES) },
    days: { type: 'string', default: String(DAYS) },
    connections: { type: 'string', default: String(CONNECTIONS) },
    part: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const say = (text: string) => void (options.json || console.log(text))
if (options.help) console.log(HELP)
else if (options.part !== undefined && !(PARTS as readonly string[]).includes(options.part)) {
  console.error(`--part wants one of ${PARTS.join(', ')}.`)
  process.exitCode = 2
} else await bench()

async function bench(): Promise<void> {
  const isWanted = (part: (typeof PARTS)[number]) => options.part === undefined || options.part === part
  const figures: Record<string, number> = {
    ...(isWanted('pure') && pure()),
    ...(isWanted('connected') && (await connected(Number(options.connections)))),
    ...(isWanted('real') && (await real(Number(options.homes), Number(options.days)))),
  }
  console.log(options.json ? JSON.stringify({ bench: 'fleet', figures }) : figures)
  const { otherCpuCores = 0 } = figures
  if (otherCpuCores > QUIET_CORES) {
    console.error(`Other processes used ${otherCpuCores} cores: times hold only below ${QUIET_CORES}, memory always.`)
  }
}

function scenarioOf(population: Pick<z.input<typeof Population>, 'homes' | 'people'>, days: number): Scenario {
  return Scenario.parse({ about: 'The fleet of the benchmark.', population, days })
}

function pure(): Record<string, number> {
  const { homes, people, days } = PURE
  const scenario = scenarioOf({ homes, people }, days)
  for (let round = 1; round < WARM_UP_ROUNDS; round++) runPure(scenario)
  const { counts, orders } = runPure(scenario)
  const timed = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage()
    runPure(scenario)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e6
  })
  const seconds = Math.min(...timed)
  const { deviceDays } = counts
  const each = {
    reportsPerDeviceDay: round2(counts.reports / deviceDays),
    cyclesPerDeviceDay: round2(counts.cycles / deviceDays),
  }
  say(
    `pure       ${deviceDays} device-days, each with ${each.reportsPerDeviceDay} reports and ${each.cyclesPerDeviceDay} cycles, ` +
      `${orders.length} orders, in ${round2(seconds)} s of processor time`,
  )
  return { deviceDaysPerSecond: Math.round(deviceDays / seconds), ...each }
}

async function connected(connections: number): Promise<Record<string, number>> {
  requireFiles(connections)
  const folder = mkdtempSync(join(tmpdir(), 'bench-fleet-'))
  const target = await gateway(folder, connections)
  const args = ['--expose-gc', 'test/bench/fleet-load.ts', String(target.port), target.password, String(connections)]
  const load = startNode(args, connections)
  const next = linesOf(load)
  const ask = async (word: string) => {
    load.stdin!.write(`${word}\n`)
    return JSON.parse(await next()) as { seconds: number; bytes: number; connected: number }
  }
  try {
    const came = await ask('connect')
    say(`connected  ${came.connected} devices, ${came.bytes} bytes each in the generator`)
    for (let round = 0; round < 3; round++) {
      const { seconds } = await ask('publish')
      say(`connected  each published at once, all acknowledged after ${round2(seconds)} s`)
    }
    const rows = countRows(target.data)
    say(`connected  rows of the gateway: ${rows.online} online, ${rows.published} with three readings each`)
    return { connectedDevices: Math.min(rows.online, rows.published), bytesPerIdleDevice: came.bytes }
  } finally {
    load.kill('SIGKILL')
    target.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function countRows(data: string): { online: number; published: number } {
  const db = new Database(join(data, 'gateway.db'), { readonly: true })
  const count = (sql: string) => db.prepare<[], number>(sql).pluck().get() ?? 0
  const online = count(`SELECT count(*) FROM devices WHERE status = 'online'`)
  const published = count(
    'SELECT count(*) FROM (SELECT device_id FROM readings JOIN sessions USING (session_key) GROUP BY device_id HAVING count(*) = 3)',
  )
  db.close()
  return { online, published }
}

async function real(homes: number, days: number): Promise<Record<string, number>> {
  const scenario = scenarioOf({ homes }, days)
  const raisedAt = performance.now()
  const cpu = () => {
    const { user, system } = process.cpuUsage()
    return { own: (user + system) / 1e6, all: familyCpuSeconds(), busy: busySeconds(), atMs: performance.now() }
  }
  let began: ReturnType<typeof cpu> | undefined
  let ended = cpu()
  const onProgress = ({ phase, day, reports, orders }: RunProgress) => {
    if (phase !== 'day') return say(`real       ${phase}`)
    began ??= cpu()
    if (Number.isInteger(day)) {
      const seconds = Math.round((performance.now() - began.atMs) / 1000)
      say(`real       day ${day} of ${days} after ${seconds} s: ${reports} reports, ${orders} orders`)
    }
  }
  const result = await runReal(scenario, {
    plan: new FaultPlan(scenario),
    strike: async () => undefined,
    async atEnd() {
      ended = cpu()
    },
    onProgress,
    signal: new AbortController().signal,
  })
  for (const problem of result.problems) console.error(problem)
  const since = began ?? ended
  const [own, all, busy] = [ended.own - since.own, ended.all - since.all, ended.busy - since.busy]
  return {
    fleetMinutes: round2(result.realSeconds / MINUTES),
    generatorCpuShare: round2(own / all),
    fleetCpuSeconds: Math.round(all),
    otherCpuCores: round2((busy - all) / ((ended.atMs - since.atMs) / 1000)),
    moveInSeconds: Math.round((since.atMs - raisedAt) / 1000),
    fleetHomes: homes,
    fleetDays: days,
    fleetOrders: result.orders.length,
    fleetReports: result.counts.reports,
  }
}
