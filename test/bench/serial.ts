/**
 * Boards on serial lines through the real processes: port (a pty) → bridge → gateway → readings on disk. Lines are signed as the
 * firmware signs them; the figures of answers and replugging are of the real firmware in the simulated chip.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { DETERGENT, ScriptedBoard } from '../firmware-bridge/fixture.ts'
import { HomeProcesses } from '../support/home-processes.ts'
import { busySeconds, cpuSeconds, familyCpuSeconds } from './cpu.ts'

const HELP = `Usage: npm run bench:serial -- [--seconds 10] [--json]

Prints lines per second of one port (signed levels, stored, none lost), the bridge's share of a core with 32 boards at a line
a second each, command → acknowledgement, and the time from plugging a board in until it is in service.
--json prints one line at the end: {"bench":"serial","figures":{…}}`

/** Above this the other processes of the machine distort the figures. */
const QUIET_CORES = 0.3
/** Offered one after the other, until lines are lost. A real UART at 115,200 baud carries about 130 lines/s, USB far more. */
const OFFERED_LINES_PER_SECOND = [1_100, 1_500, 2_000, 3_000, 4_000, 6_000]
const TICK_MS = 10
const BOARDS = 32
const COMMANDS = 200
const REPLUGS = 10

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else await bench(Math.max(1, Number(values.seconds)))

type Say = (line: string) => void

async function bench(seconds: number): Promise<void> {
  // One board sends as much here as no board may.
  const home = await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'warn', ADEPT_MQTT_LIMITS_MESSAGES_PER_SECOND: '1000000' })
  const boards: ScriptedBoard[] = []
  const otherCpuCores: number[] = []
  const say = (line: string) => console[values.json ? 'error' : 'log'](line)
  /** Runs one part, and notes what others used of the machine meanwhile. */
  const part = async <Figure>(measure: () => Promise<Figure>): Promise<Figure> => {
    const [busy, own, beganAt] = [busySeconds(), familyCpuSeconds(), performance.now()]
    const figure = await measure()
    const others = busySeconds() - busy - (familyCpuSeconds() - own)
    if (!Number.isNaN(others)) otherCpuCores.push(Math.max(0, others) / ((performance.now() - beganAt) / 1000))
    return figure
  }
  try {
    await home.startBridge(join(home.folder, 'board-*'))
    boards.push(...(await pairBoards(home)))
    const boards32CpuShare = await part(() => cpuShare(home, boards, seconds, say))
    for (const idle of boards.splice(1)) await idle.unplug()
    const lines = await part(() => mostLines(home, boards[0]!, seconds, say))
    const simulated = await part(() => simulatedBoard(home, say))
    const figures = {
      ...lines,
      boards32CpuShare,
      ...simulated,
      otherCpuCores: round(Math.max(...otherCpuCores), 2),
    }
    console.log(values.json ? JSON.stringify({ bench: 'serial', figures }) : figures)
    if (figures.otherCpuCores > QUIET_CORES) {
      console.error(`Other processes used ${figures.otherCpuCores} cores: the figures hold only below ${QUIET_CORES}.`)
    }
  } finally {
    for (const board of boards) await board.unplug()
    await home.close()
  }
}

async function pairBoards(home: HomeProcesses): Promise<ScriptedBoard[]> {
  const boards = await Promise.all(
    Array.from({ length: BOARDS }, async (_, index) => {
      const board = new ScriptedBoard(join(home.folder, `board-${index}`))
      await board.plugIn()
      return board
    }),
  )
  for (const [index, board] of boards.entries()) {
    await untilBoard(home, board.path, ({ state }) => state === 'unpaired')
    await pair(home, board.path, `bench-${index}`)
  }
  return boards
}

async function pair(home: HomeProcesses, path: string, deviceId: string): Promise<void> {
  const { password } = await home.api<{ password: string }>('/v1/devices', { deviceId })
  await askBridge(home.folder, { do: 'pair', board: path, deviceId, password, slots: [DETERGENT] })
  await untilBoard(home, path, ({ mqtt }) => mqtt === 'online')
}

/** CPU of the bridge's process while each board sends a signed level a second, spread over the second. */
async function cpuShare(home: HomeProcesses, boards: ScriptedBoard[], seconds: number, say: Say): Promise<number> {
  const pid = home.bridge!.child.pid!
  let grams = 900
  const timers: NodeJS.Timeout[] = []
  for (const [index, board] of boards.entries()) {
    setTimeout(() => timers.push(setInterval(() => board.level(grams), 1_000)), (index * 1_000) / boards.length)
  }
  await wait(3_000)
  const [storedBefore, before, beganAt] = [storedReadings(home), cpuSeconds(pid), performance.now()]
  for (let second = 0; second < seconds; second++) {
    await wait(1_000)
    grams = grams === 900 ? 899 : 900
  }
  const elapsedSeconds = (performance.now() - beganAt) / 1000
  const share = round((cpuSeconds(pid) - before) / elapsedSeconds, 3)
  const perSecond = (storedReadings(home) - storedBefore) / elapsedSeconds
  for (const timer of timers) clearInterval(timer)
  say(`${boards.length} boards, ${perSecond.toFixed(0)} stored levels a second: the bridge takes ${share} of a core`)
  return share
}

/** The highest offered rate of which every line was stored, and the bridge's CPU for a line there. */
async function mostLines(home: HomeProcesses, board: ScriptedBoard, seconds: number, say: Say) {
  const pid = home.bridge!.child.pid!
  let most = { linesPerSecond: 0, bridgeCpuMicrosPerLine: Number.NaN }
  for (const offered of OFFERED_LINES_PER_SECOND) {
    await wait(1_000)
    const [before, cpuBefore, beganAt] = [storedReadings(home), cpuSeconds(pid), performance.now()]
    const total = offered * seconds
    let sent = 0
    while (sent < total) {
      const due = Math.min(total, Math.floor(((performance.now() - beganAt) / 1000) * offered))
      let text = ''
      for (; sent < due; sent++) text += board.levelLine(900 - (sent % 10))
      board.write(text)
      await wait(TICK_MS)
    }
    const stored = await settled(() => storedReadings(home) - before, total)
    const figures = {
      linesPerSecond: Math.round(stored.count / ((stored.atMs - beganAt) / 1000)),
      bridgeCpuMicrosPerLine: Math.round(((cpuSeconds(pid) - cpuBefore) * 1e6) / stored.count),
    }
    say(
      `${offered} lines/s offered: ${stored.count} of ${total} stored, ${figures.linesPerSecond} lines/s, ${figures.bridgeCpuMicrosPerLine} CPU µs of the bridge a line`,
    )
    if (stored.count < total) {
      const { boards = [] } = await askBridge(home.folder, { do: 'list' })
      say(
        `of the others, ${boards.find(({ port }) => port === board.path)?.counts.dropped} were dropped because the gateway was slower`,
      )
      break
    }
    most = figures
  }
  return most
}

/** Waits until the count has reached its goal or stopped rising for a second. */
async function settled(count: () => number, goal: number): Promise<{ count: number; atMs: number }> {
  let last = { count: count(), atMs: performance.now() }
  while (last.count < goal && performance.now() - last.atMs < 1_000) {
    await wait(20)
    const now = count()
    if (now > last.count) last = { count: now, atMs: performance.now() }
  }
  return last
}

/** The released firmware in the simulated chip, a process of its own as `adept board simulate` starts it. */
async function simulatedBoard(home: HomeProcesses, say: Say) {
  const path = join(home.folder, 'board-simulated')
  const eeprom = join(home.folder, 'simulated.eeprom')
  const child = spawn(
    process.execPath,
    ['gateway/cli/adept.mjs', 'board', 'simulate', 'LoadCell', '--port', path, '--eeprom', eeprom, '--json'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const lines = createInterface({ input: child.stdout })
  await once(lines, 'line')
  try {
    await untilBoard(home, path, ({ state }) => state === 'unpaired')
    await pair(home, path, 'simulated')
    const command = (name: string, value?: number) =>
      askBridge(home.folder, { do: 'command', board: 'simulated', name, ...(value !== undefined && { value }) })
    const acksMs: number[] = []
    for (let index = 0; index < COMMANDS; index++) {
      const beganAt = performance.now()
      await command('lamp', index % 2)
      acksMs.push(performance.now() - beganAt)
      await wait(20 + (index % 7) * 5)
    }
    const replugSeconds: number[] = []
    for (let index = 0; index < REPLUGS; index++) {
      child.stdin.write('unplug\n')
      await untilBoards(home, (boards) => boards.every(({ port }) => port !== path))
      // At any moment between two looks of the bridge.
      await wait((index * 1_000) / REPLUGS)
      const beganAt = performance.now()
      child.stdin.write('replug\n')
      await untilBoard(home, path, ({ state, mqtt, signed }) => state === 'online' && mqtt === 'online' && signed)
      replugSeconds.push((performance.now() - beganAt) / 1000)
    }
    const figures = {
      ackP50Ms: round(percentile(acksMs, 0.5), 1),
      ackP99Ms: round(percentile(acksMs, 0.99), 1),
      replugSeconds: round(percentile(replugSeconds, 0.5), 2),
      replugMostSeconds: round(Math.max(...replugSeconds), 2),
    }
    say(
      `command → acknowledgement p50 ${figures.ackP50Ms} ms, p99 ${figures.ackP99Ms} ms; plugged in and in service after ${figures.replugSeconds} s, at most ${figures.replugMostSeconds} s`,
    )
    return figures
  } finally {
    child.stdin.end('quit\n')
    if (child.exitCode === null) await once(child, 'exit')
  }
}

function storedReadings(home: HomeProcesses): number {
  const db = new Database(join(home.folder, 'gateway.db'), { readonly: true })
  try {
    return (db.prepare(`SELECT count(*) AS stored FROM readings`).get() as { stored: number }).stored
  } finally {
    db.close()
  }
}

function untilBoard(home: HomeProcesses, path: string, isWanted: (board: BoardView) => boolean): Promise<unknown> {
  return untilBoards(home, (boards) => boards.some((board) => board.port === path && isWanted(board)))
}

function untilBoards(home: HomeProcesses, isWanted: (boards: BoardView[]) => boolean): Promise<unknown> {
  return home.until(async () => (await askBridge(home.folder, { do: 'list' })).boards ?? [], isWanted, 10)
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function percentile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
