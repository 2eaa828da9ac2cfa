/**
 * `kill -9` at each point of the line, in real processes, watched from outside: the gateway's rows (read only) and the chain.
 * After the restart the order must go on by itself: one order per need, every acknowledged reading kept, all money where it
 * belongs, and an audit without a difference.
 */
import { parseArgs } from 'node:util'
import { HomeProcesses } from '../support/home-processes.ts'
import { BRIDGE_POINTS, BridgeHome } from './bridge.ts'
import { CrashDevice } from './device.ts'
import { DRAINS, DrainHome, drainName } from './drain.ts'
import { balanceOf, problemsOf } from './home.ts'
import { POINTS, type Point, reached } from './points.ts'
import { MillionHome, RESTART } from './restart.ts'
import { STORAGE_FAULTS, type StorageFault, storageRound } from './storage.ts'
import { type Victim, Victims } from './victims.ts'

const HELP = `npm run test:crash -- [options]

  --rounds <number>  rounds of each row (default 20)
  --point <text>     only the points whose name has this in it
  --victim <name>    only gateway, shop, anvil, machine (all three at once), bridge (of a serial board), or disk (as root:
                     a disk of its own that fails)
  --homes <number>   homes side by side (default 3): a round is mostly waiting
  --json             the table as JSON
  --help             this text

Kills a process with SIGKILL at each point of the line, has it run again, and checks what became of readings, order and
money. Exit code 1 when a round ends otherwise than it must.`

/** The demo payer's 1,000 test dollars are enough for 80 orders. */
const ROUNDS_PER_HOME = 40

const HEADER = `| killed | when | rounds | as it must be | slowest round |\n|---|---|---|---|---|`

type Fault = { point: Point; victim: Victim }
type Row = {
  victim: Victim | 'disk'
  point: string
  rounds: number
  played: number
  good: number
  slowestSeconds: number
}
type Round = { fault: Fault; row: Row; deviceId: string }
/** A row with a home of its own for all its rounds, one after the other; a round says how long it, or what it measures, took. */
type OwnHome = { round(): Promise<{ problems: string[]; tookMs: number }>; close(): Promise<void> }
const IN_OWN_HOMES: { victim: Row['victim']; name: string; start(): Promise<OwnHome> }[] = [
  { victim: 'gateway', name: RESTART, start: () => MillionHome.start() },
  ...DRAINS.map((hung) => ({ victim: 'gateway' as const, name: drainName(hung), start: () => DrainHome.start(hung) })),
  ...BRIDGE_POINTS.map((name) => ({ victim: 'bridge' as const, name, start: () => BridgeHome.start(name) })),
]
type DiskRound = { fault: StorageFault; row: Row }

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    point: { type: 'string', default: '' },
    victim: { type: 'string' },
    homes: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else process.exitCode = (await crash(Number(values.rounds), Number(values.homes))) ? 0 : 1

async function crash(rounds: number, homes: number): Promise<boolean> {
  const faults = POINTS.filter(({ name }) => name.includes(values.point)).flatMap((point) =>
    point.victims
      .filter((victim) => values.victim === undefined || victim === values.victim)
      .map((victim): Fault => ({ point, victim })),
  )
  const storageFaults = STORAGE_FAULTS.filter(
    ({ name }) => name.includes(values.point) && (values.victim ?? 'disk') === 'disk',
  )
  const inOwnHomes = IN_OWN_HOMES.filter(
    ({ victim, name }) => name.includes(values.point) && (values.victim ?? victim) === victim,
  )
  if (faults.length + storageFaults.length + inOwnHomes.length === 0 || !(rounds > 0) || !(homes > 0))
    throw new Error('There is nothing to do: see --help.')
  const rows = faults.map((fault): Row => rowOf(fault.victim, fault.point.name, rounds))
  const diskRows = storageFaults.map((fault): Row => rowOf('disk', fault.name, rounds))
  const ownRows = inOwnHomes.map(({ victim, name }): Row => rowOf(victim, name, rounds))
  const table = [...rows, ...diskRows, ...ownRows]
  const left = faults.flatMap((fault, index) =>
    Array.from(
      { length: rounds },
      (_, round): Round => ({ fault, row: rows[index]!, deviceId: `washer-${index}-${round}` }),
    ),
  )
  const disksLeft = storageFaults.flatMap((fault, index) =>
    Array.from({ length: rounds }, (): DiskRound => ({ fault, row: diskRows[index]! })),
  )
  await Promise.all(Array.from({ length: homes }, () => playInHomes(left)))
  await Promise.all(Array.from({ length: homes }, () => playOnDisks(disksLeft)))
  for (const [index, { start }] of inOwnHomes.entries()) await playInOwnHome(await start(), ownRows[index]!)
  const failed = table.filter(({ good }) => good < rounds).length
  if (values.json) console.log(JSON.stringify(table, null, 2))
  else
    console.log(
      `\n${[HEADER, ...table.map(lineOf)].join('\n')}\n\n${table.length - failed} as they must, ${failed} not`,
    )
  return failed === 0
}

/** Takes rounds until none is left, one after the other; a home is used for many, and not again after one that went wrong. */
async function playInHomes(left: Round[]): Promise<void> {
  let victims: Victims | undefined
  let played = 0
  try {
    for (let round = left.shift(); round !== undefined; round = left.shift()) {
      if (victims === undefined || played === ROUNDS_PER_HOME) {
        await victims?.home.close()
        victims = new Victims(await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'error' }))
        played = 0
      }
      const isGood = await play(victims, round)
      played = isGood ? played + 1 : ROUNDS_PER_HOME
    }
  } finally {
    await victims?.home.close()
  }
}

async function playOnDisks(left: DiskRound[]): Promise<void> {
  for (let round = left.shift(); round !== undefined; round = left.shift()) {
    const { fault, row } = round
    const startedAt = performance.now()
    const problems = await storageRound(fault).catch((error: unknown) => [String(error)])
    note(row, performance.now() - startedAt, problems, 'a disk of its own')
  }
}

async function playInOwnHome(home: OwnHome, row: Row): Promise<void> {
  try {
    while (row.played < row.rounds) {
      const { problems, tookMs } = await home.round()
      note(row, tookMs, problems, 'a home of its own')
    }
  } finally {
    await home.close()
  }
}

/** Whether it went as it must; else what is wrong is told, with what the processes said. */
async function play(victims: Victims, { fault, row, deviceId }: Round): Promise<boolean> {
  const startedAt = performance.now()
  const problems = await oneRound(victims, fault, deviceId).catch((error: unknown) => [String(error)])
  note(row, performance.now() - startedAt, problems, deviceId)
  if (problems.length > 0) {
    for (const { lines } of [victims.home.gateway, victims.home.shop]) progress(lines.slice(-20).join('\n'))
  }
  return problems.length === 0
}

function note(row: Row, tookMs: number, problems: string[], what: string): void {
  row.slowestSeconds = Math.max(row.slowestSeconds, tookMs / 1000)
  row.played++
  if (problems.length === 0) row.good++
  else progress(`${row.victim}, ${row.point}, ${what}: ${problems.join(' ')}`)
  if (row.played === row.rounds) progress(lineOf(row))
}

/** One device's whole story with one kill in it; resolves to what is wrong at the end. */
async function oneRound(victims: Victims, { point, victim }: Fault, deviceId: string): Promise<string[]> {
  const { home } = victims
  await victims.ready(victim)
  const device = await CrashDevice.add(home, deviceId)
  try {
    const before = await balanceOf(home)
    await Promise.all([device.live(), reached(home, point, deviceId).then(() => victims.kill(victim))])
    return await problemsOf(home, [device], { before, orders: 1 })
  } finally {
    await device.close()
  }
}

function rowOf(victim: Row['victim'], point: string, rounds: number): Row {
  return { victim, point, rounds, played: 0, good: 0, slowestSeconds: 0 }
}

function lineOf({ victim, point, rounds, good, slowestSeconds }: Row): string {
  return `| ${victim} | ${point} | ${rounds} | ${good} | ${slowestSeconds.toFixed(1)} s |`
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}
