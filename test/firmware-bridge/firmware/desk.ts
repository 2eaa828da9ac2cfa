import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseIntelHex } from '../../../firmware-bridge/firmware/image.ts'
import { EEPROM_BYTES, HERTZ, Machine } from '../../../firmware-bridge/simulator/machine.ts'

export const RELEASE = join(import.meta.dirname, '../../../firmware-bridge/firmware/release')
export const KEY = createHash('sha256').update('first key').digest()

export type Line = Record<string, unknown> & { t: string }

/** CRC-16/MCRF4XX by its definition, one bit at a time. */
export function crcOf(bytes: Buffer): string {
  let register = 0xffff
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const feedback = ((byte >> bit) ^ register) & 1
      register = (register >> 1) ^ (feedback * 0x8408)
    }
  }
  return register.toString(16).padStart(4, '0')
}

export function sealed(frame: string): string {
  return `${frame}*${crcOf(Buffer.from(frame, 'latin1'))}\n`
}

/** The release image of a sketch on a simulated board, in the board's own time: nothing here waits for a clock on the wall. */
export class Desk {
  machine!: Machine
  readonly eeprom = new Uint8Array(EEPROM_BYTES).fill(0xff)
  /** Good lines that the board sent and nobody has taken yet, and the text of each. */
  lines: Line[] = []
  texts: string[] = []
  /** What the board sent that was no good line. */
  garbage: string[] = []
  eepromWrites = 0
  lamp: { on: boolean; atMs: number }[] = []
  readonly #image: Buffer
  #partial = ''
  #nextId = 1
  /** Loses power after so many more writes to the EEPROM. */
  writesUntilCut = Number.POSITIVE_INFINITY

  constructor(sketch: string) {
    this.#image = parseIntelHex(readFileSync(join(RELEASE, `${sketch}.hex`), 'utf8'))
    this.boot()
  }

  /** Power on, or the reset button. */
  boot(): void {
    const { grams, connected } = this.machine?.scale ?? { grams: 0, connected: true }
    this.#partial = ''
    this.machine = new Machine(this.#image, this.eeprom, () => {
      this.eepromWrites += 1
      this.writesUntilCut -= 1
      if (this.writesUntilCut <= 0) throw new PowerCut()
    })
    this.machine.scale.grams = grams
    this.machine.scale.connected = connected
    this.machine.onByte = (byte) => this.#take(String.fromCharCode(byte))
    this.machine.onLamp = (on) => this.lamp.push({ on, atMs: this.machine.nowSeconds * 1000 })
  }

  run(ms: number): void {
    this.machine.run(this.machine.cpu.cycles + (ms * HERTZ) / 1000)
  }

  /** Runs until the board says something of this kind; throws when it does not within `ms`. */
  hear(kind: string, ms = 3000): Line {
    const endAt = this.machine.nowSeconds + ms / 1000
    for (;;) {
      const at = this.lines.findIndex((line) => line.t === kind)
      if (at >= 0) {
        this.texts.splice(0, at + 1)
        return this.lines.splice(0, at + 1)[at]!
      }
      if (this.machine.nowSeconds > endAt) throw new Error(`The board sent no ${kind} within ${ms} ms.`)
      this.run(20)
    }
  }

  /** All lines of a kind within the time. */
  listen(kind: string, ms: number): Line[] {
    this.lines = []
    this.texts = []
    this.run(ms)
    return this.lines.filter((line) => line.t === kind)
  }

  write(text: string): void {
    this.machine.send(Buffer.from(text, 'latin1'))
  }

  /** Sends a command, again when it is not answered, as a host does; returns 'ack', or the word of the nak. */
  command(name: string, v?: number | string): string {
    const id = this.#nextId++
    const value = v === undefined ? '' : `,"v":${JSON.stringify(v)}`
    for (let sends = 0; sends < 5; sends += 1) {
      this.write(sealed(`{"t":"cmd","id":${id},"name":"${name}"${value}}`))
      const answer = this.#answerTo(id, 500)
      if (answer !== undefined) return answer.t === 'ack' ? 'ack' : String(answer['e'])
    }
    throw new Error(`The board does not answer to ${name}.`)
  }

  #answerTo(id: number, ms: number): Line | undefined {
    const endAt = this.machine.nowSeconds + ms / 1000
    while (this.machine.nowSeconds < endAt) {
      const at = this.lines.findIndex((line) => (line.t === 'ack' || line.t === 'nak') && line['id'] === id)
      if (at >= 0) {
        this.texts.splice(at, 1)
        return this.lines.splice(at, 1)[0]
      }
      this.run(1)
    }
    return undefined
  }

  /** Tares the empty scale, and scales it with 500 g. */
  calibrate(): void {
    this.run(2000)
    this.command('tare')
    this.machine.scale.grams = 500
    this.run(1500)
    this.command('scale', 500)
  }

  pair(id: string, key = KEY): string {
    this.command('id', id)
    for (let part = 0; part < 8; part += 1) this.command('key', `${part}${key.toString('hex', part * 4, part * 4 + 4)}`)
    return this.command('save', Number.parseInt(crcOf(Buffer.concat([Buffer.from(id), key])), 16))
  }

  #take(character: string): void {
    if (character !== '\n') {
      this.#partial += character
      return
    }
    const text = this.#partial
    this.#partial = ''
    const frame = text.slice(0, -5)
    if (text.length > 5 && sealed(frame) === `${text}\n`) {
      this.lines.push(JSON.parse(frame) as Line)
      this.texts.push(frame)
    } else if (text !== '') this.garbage.push(text)
  }
}

export class PowerCut extends Error {}

/** The MAC that a level must carry, by node:crypto. */
export function macOf(frame: string, boardId: string, key = KEY): string {
  const body = frame.slice(0, frame.lastIndexOf(',"m":"'))
  const counter = Buffer.alloc(4)
  counter.writeUInt32BE(Number(/"n":(\d+)/.exec(body)![1]))
  const message = Buffer.concat([Buffer.from(boardId), Buffer.from([0]), counter, Buffer.from(body)])
  return createHmac('sha256', key).update(message).digest('hex').slice(0, 16)
}
