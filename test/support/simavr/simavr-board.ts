import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { parseIntelHex } from '../../../firmware-bridge/firmware/image.ts'
import { installSentence, missingDebianPackages } from '../debian.ts'

const OPTIBOOT = '/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot'
const OLD_NANO = '/usr/share/arduino/hardware/arduino/avr/bootloaders/atmega/ATmegaBOOT_168_atmega328.hex'
const FLASH_BYTES = 32 * 1024
const EEPROM_BYTES = 1024

/** Bootloader of an Uno, at 115,200 baud, or of an old Nano, at 57,600; `none`: the chip runs its program at once. */
export type Bootloader = 'optiboot' | 'old-nano' | 'none'
const START = { optiboot: 0x7e00, 'old-nano': 0x7800, none: 0 }

/** Tools made of C for these tests, in a folder of their own. */
export class Simavr {
  readonly folder = mkdtempSync(join(tmpdir(), 'simavr-'))
  readonly #running = new Set<SimavrBoard>()

  constructor() {
    const missing = missingDebianPackages()
    if (missing.length > 0) throw new Error(installSentence(missing))
    const source = join(import.meta.dirname, 'simavr-board.c')
    execFileSync('gcc', ['-O2', '-Wall', '-Werror', '-o', this.file('simavr-board'), source, '-lsimavr', '-lutil'])
  }

  file(name: string): string {
    return join(this.folder, name)
  }

  /** A chip with its bootloader and, when one is given, a program; nothing runs yet. */
  chip(name: string, bootloader: Bootloader, programHex?: string): Chip {
    const memory = Buffer.alloc(FLASH_BYTES + EEPROM_BYTES, 0xff)
    if (programHex !== undefined) parseIntelHex(readFileSync(programHex, 'utf8')).copy(memory)
    if (bootloader === 'optiboot') this.#optiboot().copy(memory, START.optiboot)
    if (bootloader === 'old-nano') {
      parseIntelHex(readFileSync(OLD_NANO, 'utf8')).subarray(START['old-nano']).copy(memory, START['old-nano'])
    }
    const file = this.file(name)
    writeFileSync(file, memory)
    return { file, start: START[bootloader] }
  }

  /** Gives a chip power. */
  async start(chip: Chip): Promise<SimavrBoard> {
    const child = spawn(this.file('simavr-board'), [chip.file, String(chip.start)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const board = new SimavrBoard(line.toString().trim().replace('port ', ''), child)
    this.#running.add(board)
    return board
  }

  async close(): Promise<void> {
    for (const board of this.#running) await board.cutPower()
    rmSync(this.folder, { recursive: true })
  }

  /**
   * Compiled from Debian's source: the optiboot_atmega328.hex beside it is 20 bytes too large for its section, so that the jump
   * into the program lies behind the end of the flash. Without its start flashes it fits.
   */
  #optiboot(): Buffer {
    const [elf, binary] = [this.file('optiboot.elf'), this.file('optiboot.bin')]
    const flags =
      '-Os -w -fno-split-wide-types -mrelax -mmcu=atmega328p -DF_CPU=16000000L -DBAUD_RATE=115200 -DLED_START_FLASHES=0'
    const link =
      '-nostartfiles -nostdlib -Wl,--section-start=.text=0x7e00 -Wl,--section-start=.version=0x7ffe -Wl,--relax'
    execFileSync('avr-gcc', [...flags.split(' '), ...link.split(' '), '-o', elf, join(OPTIBOOT, 'optiboot.c')])
    execFileSync('avr-objcopy', ['-O', 'binary', '--gap-fill', '0xff', '-j', '.text', '-j', '.version', elf, binary])
    return readFileSync(binary)
  }
}

/** Flash and EEPROM of a chip, and where it starts; they outlive its power. */
export type Chip = { file: string; start: number }

export class SimavrBoard {
  readonly path: string
  readonly #child: ChildProcessByStdio<Writable, Readable, null>

  constructor(path: string, child: ChildProcessByStdio<Writable, Readable, null>) {
    this.path = path
    this.#child = child
  }

  /** At once, whatever it is doing. */
  async cutPower(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
