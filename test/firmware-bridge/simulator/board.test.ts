import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type BoardOptions,
  type SimulatedBoard,
  startSimulatedBoard,
} from '../../../firmware-bridge/simulator/board.ts'
import { Desk, RELEASE, sealed } from '../firmware/desk.ts'

let folder: string
let boards: SimulatedBoard[] = []
let ports: Host[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adept-simulator-'))
})
afterEach(async () => {
  for (const port of ports) await port.close()
  for (const board of boards) await board.stop()
  ports = []
  boards = []
  rmSync(folder, { recursive: true })
})

async function start(sketch: string, options: Partial<BoardOptions> = {}): Promise<SimulatedBoard> {
  const board = await startSimulatedBoard({
    hex: join(RELEASE, `${sketch}.hex`),
    link: join(folder, 'port'),
    ...options,
  })
  boards.push(board)
  return board
}

/** A host that has the board's port open. */
class Host {
  readonly port: SerialPort
  text = ''
  readonly #waiting = new Set<() => void>()

  constructor(path: string) {
    this.port = new SerialPort({ path, baudRate: 115_200 })
    this.port.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1')
      for (const look of this.#waiting) look()
    })
    this.port.on('error', () => {})
    ports.push(this)
  }

  /** Resolves when the text heard so far holds `what`, and forgets it up to its end. */
  hear(what: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        const at = this.text.indexOf(what)
        if (at < 0) return
        this.text = this.text.slice(at + what.length)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Repeats the command until it is acknowledged, as every host of the serial line must: a busy board may miss a byte. */
  async command(id: number, name: string, v?: number): Promise<void> {
    const line = sealed(`{"t":"cmd","id":${id},"name":"${name}"${v === undefined ? '' : `,"v":${v}`}}`)
    this.port.write(line)
    const again = setInterval(() => this.port.write(line), 500)
    await this.hear(`"id":${id}}`).finally(() => clearInterval(again))
  }

  close(): Promise<void> {
    return new Promise((resolve) => (this.port.isOpen ? this.port.close(() => resolve()) : resolve()))
  }
}

// What it weighs is tested in the board's own time (firmware/load-cell.test.ts), and with the whole home end to end.
it('runs the released load cell behind a serial port', async () => {
  const board = await start('LoadCell', { speed: 4 })
  const host = new Host(board.path)
  await host.hear('"t":"hello","id":"load-cell"')
  await host.hear('"e":"uncalibrated"')
  await host.command(1, 'tare')
  await host.command(2, 'ping')
})

it('keeps its EEPROM over a pulled plug, and comes back at the same path', async () => {
  const eepromFile = join(folder, 'eeprom')
  const board = await start('RunningLowButton', { speed: 8, eepromFile })
  const host = new Host(board.path)
  await host.hear('"t":"hello"')
  await board.press(2500)
  await host.hear('"v":100,"u":"percent"')
  const closed = new Promise<void>((resolve) => host.port.once('close', () => resolve()))
  await board.unplug()
  await closed
  expect(existsSync(board.path)).toBe(false)
  await board.replug()
  await new Host(board.path).hear('"v":100,"u":"percent"')
  await board.stop()

  const later = await start('RunningLowButton', { eepromFile })
  await new Host(later.path).hear('"v":100,"u":"percent"')
})

it('shows its lamp, and boots again at a reset', async () => {
  const board = await start('LoadCell')
  const heard: boolean[] = []
  board.onLamp((on) => heard.push(on))
  const host = new Host(board.path)
  await host.hear('"t":"hello"')
  await host.command(1, 'lamp', 1)
  expect(board.lampOn()).toBe(true)
  await host.command(2, 'lamp', 0)
  expect(board.lampOn()).toBe(false)
  expect(heard).toEqual([true, false])
  expect(board.lampChanges).toBe(2)
  board.reset()
  await host.hear('"t":"hello"')
  expect(board.uptimeSeconds()).toBeLessThan(2)
})

it('is deaf and silent while its boot loader runs', async () => {
  const board = await start('LoadCell', { bootDelayMs: 400 })
  const startedAt = performance.now()
  const host = new Host(board.path)
  await host.hear('"t":"hello"')
  expect(performance.now() - startedAt).toBeGreaterThan(300)
})

it('runs in real time, and an idle board costs little of it', async () => {
  const startedAt = performance.now()
  const board = await start('LoadCell')
  await new Host(board.path).hear('"e":"uncalibrated"')
  expect(board.uptimeSeconds()).toBeGreaterThan(1)
  expect(board.uptimeSeconds()).toBeLessThanOrEqual((performance.now() - startedAt) / 1000)

  // 86 times real time on a core of its own: jumping over the sleep reads a private list of avr8js, and would show here.
  const desk = new Desk('LoadCell')
  desk.run(2000)
  const cpu = process.cpuUsage()
  desk.run(20_000)
  expect(process.cpuUsage(cpu).user / 1e6).toBeLessThan(2)
})

it('says in a sentence why it cannot start', async () => {
  await expect(start('LoadCell', { link: join(folder, 'no/such/folder/port') })).rejects.toThrow(
    'socat could not make a port',
  )
  await expect(start('LoadCell', { hex: join(folder, 'none.hex') })).rejects.toThrow('ENOENT')
})
