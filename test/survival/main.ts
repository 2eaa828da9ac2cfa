/**
 * The survival table: what strangers and hostile devices do to a real gateway (`npm start`, with writer and SQLite), each
 * row beside an honest device that reports every 50 ms and must get each ack, with each of its reports stored once.
 */
import { parseArgs } from 'node:util'
import { DEFAULT_LIMITS } from '../../gateway/broker/limits.ts'
import { flapping, floodOfAll, floodOfOne, halfDoneQos2, neverReads, removal, takeover } from './devices.ts'
import { mutatedConnections } from './fuzzed.ts'
import { hostileNames } from './hostile.ts'
import { killedAtFullLoad } from './killed.ts'
import { type Finding, Stand } from './stand.ts'
import { connectStorm, giantPackets, slowLoris } from './strangers.ts'

const HELP = `npm run test:survival -- [options]

  --connections <number>  mutated connections (default 40000)
  --rounds <number>       rounds of kill -9 at full load (default 20)
  --seed <names>          seeds of the mutations, with commas (default survival-1,survival-2,survival-3,survival-4)
  --row <text>            only the rows whose name has this in it
  --quick                 the reduced run of npm run verify: 2,000 connections, one seed, 2 rounds, short floods
  --json                  the table as JSON
  --help                  this text

Exit code 1 when a row ends otherwise than it must.`

const { values } = parseArgs({
  options: {
    connections: { type: 'string' },
    rounds: { type: 'string' },
    seed: { type: 'string' },
    row: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { quick } = values
const connections = Number(values.connections ?? (quick ? 2_000 : 40_000))
const rounds = Number(values.rounds ?? (quick ? 2 : 20))
const seeds = (values.seed ?? (quick ? 'survival-1' : 'survival-1,survival-2,survival-3,survival-4')).split(',')
const seconds = quick ? 2 : 10

type Row = { name: string; run(stand: Stand): Promise<Finding> }

/** Against the limits as they are by default. */
const WITH_LIMITS: Row[] = [
  { name: '100 MB packets before auth', run: giantPackets },
  { name: 'slow-loris CONNECT', run: (stand) => slowLoris(stand, connectTimeoutMs) },
  { name: 'connect storm', run: (stand) => connectStorm(stand, seconds) },
  { name: 'a second connection takes over', run: takeover },
  { name: 'removal drops a live session', run: removal },
  { name: 'publish flood by one device', run: (stand) => floodOfOne(stand, seconds, !quick) },
  { name: 'flapping', run: flapping },
]
/** Against the rates of a device raised, so that all of it gets through to what lies behind them. */
const WITH_RATES_RAISED: Row[] = [
  {
    name: 'mutated connections',
    run: (stand) =>
      mutatedConnections(stand, { connections, seeds, onProgress: (done) => progress(`${done} of ${connections}`) }),
  },
  { name: 'hostile ids, topics, payloads', run: hostileNames },
  { name: 'everybody floods at once', run: (stand) => floodOfAll(stand, quick ? 500 : 4_000) },
  { name: 'QoS 2 left half done', run: halfDoneQos2 },
  { name: 'a publisher that never reads', run: (stand) => neverReads(stand, seconds) },
  {
    name: 'kill -9 at full load',
    run: (stand) =>
      killedAtFullLoad(stand, {
        rounds,
        seedName: seeds[0] ?? '',
        onProgress: (round) => progress(`round ${round} of ${rounds}`),
      }),
  },
]
/** The quick run does not wait ten seconds for those who never finish their CONNECT. */
const connectTimeoutMs = quick ? 3_000 : DEFAULT_LIMITS.connectTimeoutMs
const RAISED = '1000000'

if (values.help) console.log(HELP)
else process.exitCode = (await survive()) ? 0 : 1

async function survive(): Promise<boolean> {
  const table: (Finding & { name: string; seconds: number })[] = []
  const environments: [rows: Row[], env: Record<string, string>][] = [
    [WITH_LIMITS, { ADEPT_MQTT_LIMITS_CONNECT_TIMEOUT_MS: String(connectTimeoutMs) }],
    [
      WITH_RATES_RAISED,
      {
        ADEPT_MQTT_LIMITS_MESSAGES_PER_SECOND: RAISED,
        ADEPT_MQTT_LIMITS_BURST_MESSAGES: RAISED,
        ADEPT_MQTT_LIMITS_MAX_CONNECTS_PER_MINUTE: RAISED,
      },
    ],
  ]
  for (const [rows, env] of environments) {
    const chosen = rows.filter(({ name }) => name.includes(values.row))
    if (chosen.length === 0) continue
    const stand = await Stand.start(env)
    try {
      for (const { name, run } of chosen) {
        progress(name)
        const startedAt = performance.now()
        const finding = await run(stand)
        const row = { name, seconds: (performance.now() - startedAt) / 1000, ...finding }
        table.push(row)
        if (!values.json) console.log(lineOf(row))
      }
    } catch (error) {
      console.error(stand.home.gateway.lines.slice(-20).join('\n'))
      throw error
    } finally {
      await stand.close()
    }
  }
  if (table.length === 0) throw new Error(`There is no row with "${values.row}" in its name.`)
  const failed = table.filter(({ problems }) => problems.length > 0).length
  if (values.json) console.log(JSON.stringify({ connections, rounds, seeds, rows: table }, null, 2))
  else console.log(`\n${table.length - failed} as they must, ${failed} not`)
  return failed === 0
}

function lineOf({ name, seconds: took, figures, problems }: Finding & { name: string; seconds: number }): string {
  const verdict = problems.length === 0 ? 'ok  ' : 'FAIL'
  const line = `${verdict} ${name.padEnd(32)} ${took.toFixed(0).padStart(4)} s  ${figures}`
  return [line, ...problems.map((problem) => `       ${problem}`)].join('\n')
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(60)}\r`)
}
