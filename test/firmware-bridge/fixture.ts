import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { askBridge, bridgeFolder } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { type RunningBridge, startBridge } from '../../firmware-bridge/main.ts'
import { openPty, type Pty } from '../../firmware-bridge/simulator/pty.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import { keyFingerprint, levelMac } from '../../gateway/wire/serial.ts'
import { crc16, frameLine, LineFramer, readLine } from '../../gateway/wire/serial-line.ts'
import { HOME, type Line, startLine } from '../broker/fixture.ts'

export const DETERGENT: SlotDescription = {
  slot: 'detergent',
  unit: 'g',
  capacity: 1000,
  degradationDirection: 'down',
  replacementProducts: [],
}

/** A real broker with its store, a real bridge, and a folder in which ports appear. */
export class BridgeHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'adept-bridge-'))
  line!: Line
  bridge!: RunningBridge
  /** What the bridge logged, as sentences. */
  readonly said: string[] = []
  readonly #ends: (() => Promise<void>)[] = []

  static async start(settings = ''): Promise<BridgeHome> {
    const home = new BridgeHome()
    home.line = await startLine()
    writeFileSync(join(home.folder, 'gateway.json'), JSON.stringify({ mqttPort: home.line.port }))
    writeFileSync(join(home.folder, 'token'), 'a gateway was made here')
    mkdirSync(bridgeFolder(home.folder))
    writeFileSync(join(bridgeFolder(home.folder), 'bridge.yaml'), settings)
    await home.startBridge()
    return home
  }

  async startBridge(): Promise<void> {
    const log = pino({}, { write: (line) => this.said.push((JSON.parse(line) as { msg: string }).msg) })
    this.bridge = await startBridge({ dataFolder: this.folder, ports: [join(this.folder, 'board-*')], log })
  }

  /** Path of a port that the bridge looks for. */
  port(name: string): string {
    return join(this.folder, `board-${name}`)
  }

  async board(
    name: string,
    make: (path: string) => ScriptedBoard = (path) => new ScriptedBoard(path),
  ): Promise<ScriptedBoard> {
    const board = make(this.port(name))
    await board.plugIn()
    this.#ends.push(() => board.unplug())
    return board
  }

  view(name: string): BoardView | undefined {
    return this.bridge.view().find((view) => view.port === this.port(name))
  }

  /** Waits until the board's view is as wanted; the time-out of the test is its bound. */
  async until(name: string, isWanted: (view: BoardView) => boolean): Promise<BoardView> {
    for (;;) {
      const view = this.view(name)
      if (view !== undefined && isWanted(view)) return view
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Adds a device to the gateway and pairs the board with it. */
  async pair(name: string, deviceId: string, slots: SlotDescription[] = [DETERGENT]): Promise<BoardView> {
    await this.until(name, (view) => view.state === 'unpaired')
    const password = await this.line.add(deviceId)
    const { board } = await askBridge(this.folder, { do: 'pair', board: this.port(name), deviceId, password, slots })
    await this.until(name, (view) => view.mqtt === 'online')
    return board!
  }

  slot(deviceId: string) {
    return this.line.devices.get(HOME, deviceId).then((device) => device?.slots[0])
  }

  async readings(deviceId: string) {
    return (await this.line.devices.readings(HOME, deviceId, 10_000)).toReversed()
  }

  async stop(): Promise<void> {
    await this.bridge?.stop()
    for (const end of this.#ends.splice(0)) await end()
    await this.line?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A board of our line at a real pty, which also does what a good board would not: the firmware's own tests are elsewhere. */
export class ScriptedBoard {
  readonly path: string
  boardId = 'load-cell'
  key: Buffer | undefined
  counter = 100
  lamp: number | undefined
  /** Commands in the order in which they came, repeats too. */
  readonly commands: { id: number; name: string; v?: number | string }[] = []
  /** Words for commands that are refused. */
  refuse: Record<string, string> = {}
  /** Answers nothing any more. */
  isMute = false
  /** Commands that are lost on their way. */
  lose = 0
  /** A command whose next answer is lost on its way back. */
  loseAnswerTo: string | undefined
  readonly #staged = new Map<number, Buffer>()
  #stagedId = ''
  #pty: Pty | undefined
  #last = { id: 0, answer: '' }
  readonly #framer = new LineFramer()

  constructor(path: string) {
    this.path = path
  }

  async plugIn(): Promise<void> {
    this.#pty = await openPty(this.path, (bytes) => this.#framer.push(bytes, (line) => this.#read(line)))
  }

  async unplug(): Promise<void> {
    const pty = this.#pty
    this.#pty = undefined
    await pty?.close()
  }

  write(text: string): void {
    this.#pty?.write(Buffer.from(text, 'latin1'))
  }

  hello(): void {
    this.say({
      t: 'hello',
      id: this.boardId,
      fw: '1.0.0',
      sha: '00'.repeat(32),
      slots: ['detergent'],
      u: 'g',
      k: this.key === undefined ? '' : keyFingerprint(this.key),
      n: this.counter,
    })
  }

  say(message: object): void {
    this.write(frameLine(JSON.stringify(message)))
  }

  /** The line of a level, signed when the board has a key. */
  levelLine(v: number, counter = ++this.counter, key = this.key): string {
    const text = JSON.stringify({ t: 'lvl', n: counter, slot: 'detergent', v, u: 'g' })
    if (key === undefined) return frameLine(text)
    const body = text.slice(0, -1)
    return frameLine(`${body},"m":"${levelMac(key, this.boardId, counter, body).toString('hex')}"}`)
  }

  level(v: number): void {
    this.write(this.levelLine(v))
  }

  #read(line: Uint8Array): void {
    const read = readLine(line)
    if (read.kind !== 'frame' || this.isMute) return
    const command = JSON.parse(read.text) as { t: string; id: number; name: string; v?: number | string }
    if (this.lose > 0) {
      this.lose--
      return
    }
    this.commands.push(command)
    if (command.id === this.#last.id && command.name !== 'hello') {
      this.write(this.#last.answer)
      return
    }
    const refusal = this.refuse[command.name] ?? this.#do(command.name, command.v)
    const { id } = command
    const answer = frameLine(JSON.stringify(refusal === undefined ? { t: 'ack', id } : { t: 'nak', id, e: refusal }))
    this.#last = { id, answer }
    if (command.name === this.loseAnswerTo) this.loseAnswerTo = undefined
    else this.write(answer)
  }

  #do(name: string, v: number | string | undefined): string | undefined {
    if (name === 'hello') this.hello()
    else if (name === 'lamp') this.lamp = Number(v)
    else if (name === 'id') this.#stagedId = String(v)
    else if (name === 'key') this.#staged.set(Number(String(v)[0]), Buffer.from(String(v).slice(1), 'hex'))
    else if (name === 'save') return this.#save(Number(v))
    else if (name !== 'ping' && name !== 'tare') return 'unknown'
    return undefined
  }

  #save(sum: number): string | undefined {
    const key = Buffer.concat(Array.from({ length: 8 }, (_, part) => this.#staged.get(part) ?? Buffer.alloc(0)))
    if (key.length !== 32 || crc16(Buffer.concat([Buffer.from(this.#stagedId), key])) !== sum) return 'key'
    this.key = key
    this.boardId = this.#stagedId
    return undefined
  }
}
