/**
 * How fast the gateway takes durable reports: QoS 1, 130 bytes of JSON, 50 connections × 20 in flight, each PUBACK after its
 * commit with synchronous = FULL, all limits on but the allowance of a single device; beside a bare Aedes and mosquitto,
 * which store nothing. Rounds alternate, and the figures are medians of each round's ratio: absolute rates drift with the
 * machine, ratios do not. A round in which other programs used the machine is done again.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { busySeconds, cpuSeconds, median, QUIET_CORES, round2 } from './cpu.ts'
import { linesOf, MOSQUITTO, mosquitto, nodeTarget, type Target } from './ingest-processes.ts'

const HELP = `Usage: npm run bench:ingest -- [--rounds 5] [--seconds 3] [--json]

Measures acknowledged reports per second of the gateway (each on disk before its PUBACK), of a bare Aedes and of mosquitto;
the wait for a PUBACK at 2,000 reports per second; and how much a million stored readings slow the gateway (its rate with
none over its rate with them). Rounds in which other programs used over ${QUIET_CORES} of a core are repeated, each at most twice.
mosquitto comes from Debian: apt-get install -y mosquitto
--json prints one line at the end: {"bench":"ingest","figures":{…}}`

const READINGS = 1_000_000
const PACE_PER_SECOND = 2_000
const REPEATS = 2
/** The compilers of a new process need some 100,000 messages. */
const WARM_UP_SECONDS = 1

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

/** CPU µs are the target's own per acknowledged message: the figure that a busy machine distorts least. */
type Rate = { acksPerSecond: number; cpuMicrosPerMessage: number }
type Wait = { p50Ms: number; p99Ms: number }
type Measured<Result> = Result & { otherCpuCores: number }

const rounds = Math.max(1, Number(options.rounds))
const seconds = Math.max(1, Number(options.seconds))
if (MOSQUITTO === undefined) console.log('mosquitto is missing; to compare with it: apt-get install -y mosquitto')
const folder = mkdtempSync(join(tmpdir(), 'bench-mosquitto-'))
const load = spawn(process.execPath, [join(import.meta.dirname, 'ingest-load.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const loadLines = linesOf(load)
const targets = [await nodeTarget('aedes'), await nodeTarget('gateway')]
if (MOSQUITTO !== undefined) targets.push(await mosquitto(MOSQUITTO, folder))
const gateway = targets[1]!
let session = 0

await rateOf(targets, WARM_UP_SECONDS)
const compared: Record<string, Measured<Rate>>[] = []
for (let round = 0; round < rounds; round++) {
  // Each round begins with another target, so that a drift of the machine hits all alike.
  const order = [...targets.slice(round % targets.length), ...targets.slice(0, round % targets.length)]
  compared.push(await whenQuiet(`round ${round + 1}`, () => rateOf(order)))
}
const waits: Record<string, Measured<Wait>>[] = []
for (let round = 0; round < rounds; round += 2) {
  waits.push(await whenQuiet('paced', async () => ({ gateway: await waitAt(gateway) })))
}
stop(targets)
const slowdowns: Record<string, Measured<Rate>>[] = []
for (let round = 0; round < rounds; round += 2) {
  const fresh = { ...(await nodeTarget('gateway')), name: 'empty' }
  const full = { ...(await nodeTarget('gateway', READINGS)), name: 'full' }
  const order = round % 4 === 0 ? [fresh, full] : [full, fresh]
  await rateOf(order, WARM_UP_SECONDS)
  slowdowns.push(await whenQuiet('a million', () => rateOf(order)))
  stop(order)
}
load.kill('SIGTERM')
rmSync(folder, { recursive: true })

const figures = {
  ingestAcksPerSecond: Math.round(middle(compared, (round) => round['gateway']!.acksPerSecond)),
  ingestRatioToAedes: middle(compared, ratio('gateway', 'aedes', 'acksPerSecond')),
  ingestRatioToMosquitto:
    MOSQUITTO === undefined ? null : middle(compared, ratio('gateway', 'mosquitto', 'acksPerSecond')),
  ingestCpuRatioToAedes: middle(compared, ratio('gateway', 'aedes', 'cpuMicrosPerMessage')),
  ingestCpuMicrosPerMessage: middle(compared, (round) => round['gateway']!.cpuMicrosPerMessage),
  pubackP50Ms: middle(waits, (round) => round['gateway']!.p50Ms),
  pubackP99Ms: middle(waits, (round) => round['gateway']!.p99Ms),
  slowdownAt1M: middle(slowdowns, ratio('empty', 'full', 'acksPerSecond')),
  otherCpuCores: median([...compared, ...waits, ...slowdowns].flatMap(busiest)),
}
console.log(options.json ? JSON.stringify({ bench: 'ingest', figures }) : figures)
if (figures.otherCpuCores > QUIET_CORES) {
  console.error(`Other programs used ${figures.otherCpuCores} cores: the figures hold only below ${QUIET_CORES}.`)
}

/** Does a round again while others disturbed it. */
async function whenQuiet<Result>(
  name: string,
  round: () => Promise<Record<string, Measured<Result>>>,
): Promise<Record<string, Measured<Result>>> {
  for (let repeats = 0; ; repeats++) {
    const results = await round()
    if (!options.json) for (const [target, result] of Object.entries(results)) console.log(name, target, result)
    if (busiest(results)[0]! <= QUIET_CORES || repeats === REPEATS) return results
  }
}

async function rateOf(order: Target[], forSeconds = seconds): Promise<Record<string, Measured<Rate>>> {
  const results: Record<string, Measured<Rate>> = {}
  for (const target of order) {
    const {
      acks,
      acksPerSecond,
      cpuSeconds: used,
      otherCpuCores,
    } = await measure<{ acksPerSecond: number }>(target, {
      seconds: forSeconds,
    })
    results[target.name] = {
      acksPerSecond: Math.round(acksPerSecond),
      cpuMicrosPerMessage: round2((used * 1e6) / acks),
      otherCpuCores,
    }
  }
  return results
}

async function waitAt(target: Target): Promise<Measured<Wait>> {
  const { p50Ms, p99Ms, otherCpuCores } = await measure<Wait>(target, {
    seconds,
    perSecond: PACE_PER_SECOND,
  })
  return { p50Ms, p99Ms, otherCpuCores }
}

/** Runs one job of the load generator against a target. */
async function measure<Answer>(
  target: Target,
  job: { seconds: number; perSecond?: number },
): Promise<Answer & { acks: number; cpuSeconds: number; otherCpuCores: number }> {
  const cpu = () => ({ busy: busySeconds(), target: cpuSeconds(target.child.pid!), load: cpuSeconds(load.pid!) })
  const beganAt = performance.now()
  const before = cpu()
  const { port, password } = target
  load.stdin!.write(`${JSON.stringify({ port, password, round: session++, ...job })}\n`)
  const answer = JSON.parse(await loadLines()) as Answer & { acks: number }
  const after = cpu()
  const used = after.target - before.target
  const others = after.busy - before.busy - used - (after.load - before.load)
  const otherCpuCores = round2(Math.max(0, others) / ((performance.now() - beganAt) / 1000))
  return { ...answer, cpuSeconds: used, otherCpuCores }
}

function stop(some: Target[]): void {
  for (const { child } of some) child.kill('SIGTERM')
}

function busiest(round: Record<string, { otherCpuCores: number }>): number[] {
  return [Math.max(...Object.values(round).map(({ otherCpuCores }) => otherCpuCores))]
}

function middle<Round>(all: Round[], figure: (round: Round) => number): number {
  return round2(median(all.map(figure)))
}

function ratio(of: string, to: string, what: keyof Rate) {
  return (round: Record<string, Rate>) => round[of]![what] / round[to]![what]
}
