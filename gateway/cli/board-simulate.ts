import { once } from 'node:events'
import { existsSync, lstatSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { findImage, releasedSketches } from '../../firmware-bridge/flash/release.ts'
import type { SimulatedBoard } from '../../firmware-bridge/simulator/board.ts'
import { CliError, contextOf } from './client.ts'

/** What a full bottle weighs for the keys, as in the README, and the full voltage of the analog sensor. */
const FULL_GRAMS = 1_400
const FULL_VOLTS = 5
const LONG_PRESS_MS = 2_500

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('run a board in software: the same image on a simulated Uno with a load cell, a button and a lamp')
    .argument('[image]', `${releasedSketches().join(', ')}, or a .hex file`, 'LoadCell')
    .option('--port <path>', 'where its serial port appears', join(tmpdir(), 'adept-board'))
    .option('--eeprom <file>', 'keeps its pairing and calibration (default: a new board each time)')
    .action(async (name: string, options: { port: string; eeprom?: string }, command: Command) => {
      const { json } = contextOf(command)
      const image = findImage(name)
      refuseTaken(options.port)
      const { startSimulatedBoard } = await import('../../firmware-bridge/simulator/board.ts')
      const board = await startSimulatedBoard({
        hex: image.file,
        link: options.port,
        ...(options.eeprom !== undefined && { eepromFile: options.eeprom }),
      })
      const say = (event: object, text: string) => console.log(json ? JSON.stringify(event) : text)
      say({ port: board.path }, introduction(board.path))
      board.onLamp((on) => say({ lamp: on }, `The lamp is ${on ? 'on' : 'off'}.`))
      const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
      try {
        await Promise.race([stopped, process.stdin.isTTY ? driveByKeys(board, say) : driveByLines(board, say, stopped)])
      } finally {
        process.stdin.destroy()
        await board.stop()
      }
    })
}

/** socat would remove whatever lies at its place. A link to a port that is gone was left by a board that was killed. */
function refuseTaken(path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there?.isSymbolicLink() && !existsSync(path)) return
  if (there !== undefined) {
    throw new CliError(`There is something at ${path} already, maybe another simulated board: take another --port.`)
  }
  if (!existsSync(dirname(path))) throw new CliError(`There is no folder ${dirname(path)} for the port: make it first.`)
}

type Say = (event: object, text: string) => void

function introduction(path: string): string {
  const lines = [
    `The board is at ${path}. Let the bridge see it with: npm run bridge -- --ports ${path}`,
    process.stdin.isTTY
      ? 'Keys: 0–9 and f level (0 empty, f full)   + - a little   b press the button   B press it long   r reset   u pull or put in the plug   q quit'
      : 'Lines: grams 420 · volts 2.5 · press 200 · reset · unplug · replug · lamp · quit',
  ]
  return lines.join('\n')
}

/** One key, one thing; ends with q or Ctrl-C. */
async function driveByKeys(board: SimulatedBoard, say: Say): Promise<void> {
  let share = 0
  let isPlugged = true
  const setShare = (wanted: number) => {
    share = Math.min(1, Math.max(0, wanted))
    const [grams, volts] = [Math.round(share * FULL_GRAMS), share * FULL_VOLTS]
    board.setGrams(grams)
    board.setVolts(volts)
    say({ grams, volts }, `On the scale: ${grams} g. At the analog pin: ${volts.toFixed(2)} V.`)
  }
  const keys: Record<string, () => unknown> = {
    f: () => setShare(1),
    '+': () => setShare(share + 0.05),
    '-': () => setShare(share - 0.05),
    b: () => board.press(),
    B: () => board.press(LONG_PRESS_MS),
    r: () => board.reset(),
    u: async () => {
      isPlugged = !isPlugged
      await (isPlugged ? board.replug() : board.unplug())
      say({ isPlugged }, isPlugged ? 'The plug is in.' : 'The plug is out.')
    },
  }
  process.stdin.setRawMode(true)
  try {
    for await (const typed of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
      for (const key of typed) {
        if (key === 'q' || key === '\u0003') return
        if (/\d/.test(key)) setShare(Number(key) / 10)
        else await attempt(keys[key], say)
      }
    }
  } finally {
    process.stdin.setRawMode(false)
    process.stdin.pause()
  }
}

/** One line, one thing; ends with `quit`. Without any input, as in the background, the board runs on. */
async function driveByLines(board: SimulatedBoard, say: Say, stopped: Promise<unknown>): Promise<void> {
  const verbs: Record<string, (value: number) => unknown> = {
    grams: (value) => board.setGrams(value),
    volts: (value) => board.setVolts(value),
    press: (value) => board.press(value || undefined),
    reset: () => board.reset(),
    unplug: () => board.unplug(),
    replug: () => board.replug(),
    lamp: () => say({ lamp: board.lampOn() }, `The lamp is ${board.lampOn() ? 'on' : 'off'}.`),
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb = '', text = '0'] = line.trim().split(/\s+/)
    if (verb === 'quit') return
    const value = Number(text)
    const does = Object.hasOwn(verbs, verb) && Number.isFinite(value) ? verbs[verb] : undefined
    if (does === undefined)
      say({ error: line }, `"${line}" is none of: grams, volts, press, reset, unplug, replug, lamp, quit.`)
    else await attempt(() => does(value), say)
  }
  await stopped
}

/** What cannot be done now, such as a press without power, is told and ends nothing. */
async function attempt(does: (() => unknown) | undefined, say: Say): Promise<void> {
  try {
    await does?.()
  } catch (error) {
    say({ error: (error as Error).message }, (error as Error).message)
  }
}
