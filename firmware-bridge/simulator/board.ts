import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseIntelHex } from '../firmware/image.ts'
import { EEPROM_BYTES, HERTZ, Machine } from './machine.ts'
import { openPty, type Pty } from './pty.ts'

/** The board runs in slices: short while bytes flow, so that an answer is not held up; long while it only waits. */
const BUSY_SLICE_MS = 1
const IDLE_SLICE_MS = 8
const BUSY_FOR_MS = 50
/** A machine that was stopped (debugger, suspend, a load of others) does not catch up more than this. */
const MOST_BEHIND_SECONDS = 0.1

export type BoardOptions = {
  /** Path of the image, Intel HEX. */
  hex: string
  /** Where the EEPROM is kept; without it each start is a new board. */
  eepromFile?: string
  /** Path of the port; without it a new one in the temp folder. */
  link?: string
  /** Simulated seconds in a real one, 1 unless said. As much as the processor gives, at most. */
  speed?: number
  /** How long a boot loader keeps the board busy after power-on and reset; 0 unless said, an Uno's takes 1,000 to 2,000 ms. */
  bootDelayMs?: number
}

export type SimulatedBoard = {
  /** The port to open. */
  readonly path: string
  /** Load of the cell behind the HX711. */
  setGrams(grams: number): void
  /** Pulls the HX711 out, or plugs it in. */
  connectScale(connected: boolean): void
  /** Voltage at A0. */
  setVolts(volts: number): void
  /** Presses the button for so long, in the board's time; resolves at its release. */
  press(forMs?: number): Promise<void>
  lampOn(): boolean
  /** How often the lamp went on or off since the start. */
  readonly lampChanges: number
  /** Hears of each change of the lamp. */
  onLamp(listener: (on: boolean) => void): void
  /** The reset button; opening a real Uno does the same. */
  reset(): void
  /** Power and port are gone at once, even in the middle of a write; the EEPROM keeps what it has. */
  unplug(): Promise<void>
  replug(): Promise<void>
  /** Seconds of the board's own time since its last boot. */
  uptimeSeconds(): number
  /** Most bytes of RAM, static and stack, that were in use since the last boot. */
  ramBytesTouched(): number
  stop(): Promise<void>
}

/** Runs an image on a simulated Uno with a load cell, a button, a lamp and an analog sensor, behind a serial port. */
export async function startSimulatedBoard(options: BoardOptions): Promise<SimulatedBoard> {
  const board = new Board(options)
  try {
    await board.replug()
  } catch (error) {
    await board.stop()
    throw error
  }
  return board
}

class Board implements SimulatedBoard {
  readonly path: string
  lampChanges = 0
  readonly #options: BoardOptions
  readonly #image: Buffer
  readonly #eeprom: Uint8Array
  readonly #folder: string | undefined
  #eepromChanged = false
  #grams = 0
  #scaleConnected = true
  #volts = 0
  #lampListeners: ((on: boolean) => void)[] = []
  #pty: Pty | undefined
  #machine: Machine | undefined
  #timer: NodeJS.Timeout | undefined
  #sliceAtMs = 0
  #busyUntilMs = 0
  #outgoing: number[] = []
  #release: { atSeconds: number; done: () => void } | undefined

  constructor(options: BoardOptions) {
    this.#options = options
    this.#image = parseIntelHex(readFileSync(options.hex, 'utf8'))
    this.#eeprom = loadEeprom(options.eepromFile)
    this.#folder = options.link === undefined ? mkdtempSync(join(tmpdir(), 'adept-board-')) : undefined
    this.path = options.link ?? join(this.#folder!, 'port')
  }

  setGrams(grams: number): void {
    this.#grams = grams
    if (this.#machine !== undefined) this.#machine.scale.grams = grams
  }

  connectScale(connected: boolean): void {
    this.#scaleConnected = connected
    if (this.#machine !== undefined) this.#machine.scale.connected = connected
  }

  setVolts(volts: number): void {
    this.#volts = volts
    this.#machine?.setVolts(volts)
  }

  press(forMs = 200): Promise<void> {
    const machine = this.#machine
    if (machine === undefined)
      throw new Error('The simulated board is unplugged: replug it before you press its button.')
    if (this.#release !== undefined) throw new Error('The button is pressed already.')
    machine.setButton(true)
    return new Promise((done) => {
      this.#release = { atSeconds: machine.nowSeconds + forMs / 1000, done }
    })
  }

  lampOn(): boolean {
    return this.#machine?.lampOn ?? false
  }

  onLamp(listener: (on: boolean) => void): void {
    this.#lampListeners.push(listener)
  }

  reset(): void {
    if (this.#machine !== undefined) this.#boot()
  }

  async unplug(): Promise<void> {
    clearTimeout(this.#timer)
    this.#machine = undefined
    this.#letGo()
    this.#keepEeprom()
    const pty = this.#pty
    this.#pty = undefined
    await pty?.close()
  }

  async replug(): Promise<void> {
    if (this.#pty !== undefined) return
    this.#pty = await openPty(this.path, (bytes) => {
      this.#machine?.send(bytes)
      this.#slice()
    })
    this.#boot()
    this.#slice()
  }

  uptimeSeconds(): number {
    return this.#machine?.nowSeconds ?? 0
  }

  ramBytesTouched(): number {
    return this.#machine?.ramBytesTouched ?? 0
  }

  async stop(): Promise<void> {
    await this.unplug()
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }

  #boot(): void {
    this.#letGo()
    const machine = new Machine(this.#image, this.#eeprom, () => {
      this.#eepromChanged = true
    })
    machine.scale.grams = this.#grams
    machine.scale.connected = this.#scaleConnected
    machine.setVolts(this.#volts)
    machine.onByte = (byte) => this.#outgoing.push(byte)
    machine.onLamp = (on) => {
      this.lampChanges += 1
      for (const listener of this.#lampListeners) listener(on)
    }
    this.#machine = machine
    this.#sliceAtMs = performance.now() + (this.#options.bootDelayMs ?? 0)
  }

  /** Runs the board up to the present, passes on what it sent, and comes back in a moment. */
  #slice(): void {
    clearTimeout(this.#timer)
    const machine = this.#machine
    if (machine === undefined) return
    const nowMs = performance.now()
    const aheadSeconds = Math.min(((nowMs - this.#sliceAtMs) / 1000) * (this.#options.speed ?? 1), MOST_BEHIND_SECONDS)
    if (aheadSeconds > 0) {
      machine.run(machine.cpu.cycles + Math.round(aheadSeconds * HERTZ))
      this.#sliceAtMs = nowMs
    }
    if (this.#release !== undefined && machine.nowSeconds >= this.#release.atSeconds) this.#letGo()
    if (this.#outgoing.length > 0 || machine.bytesUnderWay > 0) this.#busyUntilMs = nowMs + BUSY_FOR_MS
    if (this.#outgoing.length > 0) this.#pty?.write(Buffer.from(this.#outgoing.splice(0)))
    if (this.#eepromChanged) this.#keepEeprom()
    this.#timer = setTimeout(() => this.#slice(), nowMs < this.#busyUntilMs ? BUSY_SLICE_MS : IDLE_SLICE_MS)
  }

  #letGo(): void {
    this.#machine?.setButton(false)
    const release = this.#release
    this.#release = undefined
    release?.done()
  }

  #keepEeprom(): void {
    this.#eepromChanged = false
    if (this.#options.eepromFile !== undefined) writeFileSync(this.#options.eepromFile, this.#eeprom)
  }
}

/** An EEPROM as it was kept; a new one is erased, every byte 0xFF. */
function loadEeprom(file: string | undefined): Uint8Array {
  const eeprom = new Uint8Array(EEPROM_BYTES).fill(0xff)
  if (file !== undefined && existsSync(file)) eeprom.set(readFileSync(file).subarray(0, EEPROM_BYTES))
  return eeprom
}
