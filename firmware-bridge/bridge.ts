import { Board } from './board.ts'
import type { BoardView, LogLine, PairRequest } from './control-messages.ts'
import type { Hello } from './dialects/dialect.ts'
import { BridgeProblem, newPairing, withKept, writeKey } from './pair-board.ts'
import { PairedDevice } from './paired-device.ts'
import type { Pairings } from './pairings.ts'
import { type FoundPort, findPorts, type PortPatterns } from './ports/find-ports.ts'

/** A look takes about 0.1 ms a port; a board that is plugged in again is in service within 3 s of its boot. */
const LOOK_EVERY_MS = 500
/** More are not opened: 32 boards are the most that were measured. */
const MAX_PORTS = 128
/** Until a board that was flashed says hello: its boot, the questions, and a USB device that appears anew. */
const BACK_WITHIN_MS = 12_000
const BACK_POLL_MS = 50

type Options = {
  patterns: PortPatterns
  baudRate: number
  pairings: Pairings
  clock: { nowMs(): number }
  address(): { host: string; port: number }
  log: { info(sentence: string): void; warn(sentence: string): void }
}

/** All boards of this machine: finds them, keeps each served, and knows which device of the gateway each is. */
export class Bridge {
  readonly #options: Options
  readonly #boards = new Map<string, Board>()
  readonly #devices = new Map<string, PairedDevice>()
  /** Ports that somebody else has for now, by their lasting name: a board in its bootloader may be gone meanwhile. */
  readonly #released = new Set<string>()
  /** Who follows the lines of a port, by its lasting name: a board that is plugged in again is followed on. */
  readonly #followers = new Map<string, Set<(line: LogLine) => void>>()
  readonly #pairing = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: Options) {
    this.#options = options
  }

  start(): void {
    this.#look()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await Promise.all([...this.#boards.values()].map((board) => board.stop()))
    await Promise.all([...this.#devices.values()].map((device) => device.stop()))
    this.#options.pairings.close()
  }

  view(): BoardView[] {
    return [...this.#boards.values()].map((board) => board.view())
  }

  /** The board of a device id, a port's name, or its device; throws `BridgeProblem` when there is none. */
  find(name: string): Board {
    const boards = [...this.#boards.values()]
    const found =
      this.#boards.get(name) ??
      boards.find((board) => board.device?.pairing.deviceId === name) ??
      boards.find((board) => board.found.device === name) ??
      only(boards.filter((board) => board.hello?.boardId === name))
    if (found !== undefined) return found
    const there = boards.map((board) => board.device?.pairing.deviceId ?? board.found.name)
    throw new BridgeProblem(
      there.length === 0
        ? `There is no board: no port matches ${this.#options.patterns.ports.join(', ')}.`
        : `There is no board ${name}. There is ${there.join(', ')}.`,
    )
  }

  /**
   * Makes the board a device of the gateway: writes its name and a fresh key, checks that it took them, keeps them. A
   * board that is not ours gets no key, and its levels stay unverified.
   */
  async pair(request: PairRequest): Promise<BoardView> {
    const board = this.find(request.board)
    const port = board.found.name
    if (this.#pairing.has(port)) throw new BridgeProblem(`The board at ${port} is being paired already.`)
    this.#pairing.add(port)
    try {
      return await this.#pair(request, board)
    } finally {
      this.#pairing.delete(port)
    }
  }

  /** Calls back with each line of a board until the returned function is called. */
  follow(name: string, onLine: (line: LogLine) => void): () => void {
    const port = this.find(name).found.name
    const followers = this.#followers.get(port) ?? new Set()
    this.#followers.set(port, followers.add(onLine))
    return () => {
      followers.delete(onLine)
      if (followers.size === 0 && this.#followers.get(port) === followers) this.#followers.delete(port)
    }
  }

  /** Its port is closed and free until the returned function is called, which resolves when the board said hello again. */
  async release(name: string): Promise<{ path: string; take(): Promise<BoardView> }> {
    const board = this.find(name)
    const port = board.found.name
    if (this.#released.has(port)) throw new BridgeProblem(`${name} is being flashed already.`)
    this.#released.add(port)
    await board.release()
    return { path: board.found.device, take: () => this.#take(port) }
  }

  async #pair(request: PairRequest, board: Board): Promise<BoardView> {
    const { deviceId } = request
    const { pairings } = this.#options
    const hello = board.hello
    if (hello === undefined)
      throw new BridgeProblem(board.view().problem ?? 'The board has not said hello yet: try again.')
    const holder = this.#devices.get(deviceId)?.board?.port
    if (holder !== undefined && holder !== board.found.name) {
      throw new BridgeProblem(`${deviceId} is the board at ${holder}: unplug that, or give this one another name.`)
    }
    const nodeIds = pairings.find(hello.boardId, board.found.name)?.nodeIds ?? []
    const pairing = newPairing(withKept(request, pairings.get(deviceId)), board, hello, nodeIds)
    if (request.isTrial) return board.view()
    if (pairing.key !== null) await writeKey(board, pairing)
    await this.#forget(deviceId)
    pairings.put(pairing)
    if (pairing.key === null) board.reconsider()
    else await this.#checkKey(board)
    return board.view()
  }

  async #take(port: string): Promise<BoardView> {
    this.#released.delete(port)
    this.#boards.get(port)?.take()
    for (let waitedMs = 0; waitedMs < BACK_WITHIN_MS; waitedMs += BACK_POLL_MS) {
      const board = this.#boards.get(port)
      if (board !== undefined && board.hello !== undefined) return board.view()
      if (this.#isStopped) break
      await new Promise((resolve) => setTimeout(resolve, BACK_POLL_MS))
    }
    const problem = this.#boards.get(port)?.view().problem
    throw new BridgeProblem(problem ?? `The board at ${port} did not come back within ${BACK_WITHIN_MS / 1000} s.`)
  }

  /** Boards that are new or gone, by polling: there is no udev everywhere. */
  #look(): void {
    if (this.#isStopped) return
    const found = new Map(findPorts(this.#options.patterns).map((port) => [port.name, port]))
    for (const [name, board] of this.#boards) {
      if (found.get(name)?.device === board.found.device) continue
      this.#boards.delete(name)
      this.#options.log.info(`${name} is gone.`)
      void board.stop()
    }
    for (const port of found.values()) {
      if (!this.#boards.has(port.name) && this.#boards.size < MAX_PORTS) this.#add(port)
    }
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS)
  }

  #add(found: FoundPort): void {
    const { clock, baudRate, pairings, log } = this.#options
    const board: Board = new Board(
      {
        found,
        baudRate,
        clock,
        keeper: {
          takeNodeId: (seen) => {
            const pairing = board.device?.pairing
            return pairing === undefined ? undefined : pairings.takeNodeId(pairing, seen)
          },
        },
        onLine: (line) => {
          for (const onLine of this.#followers.get(found.name) ?? []) onLine(line)
        },
        deviceFor: (hello, asking) => this.#deviceFor(hello, asking),
        onDetached: () => this.#reconsider(),
        onState(state, problem) {
          if (problem !== undefined) log.warn(problem)
          else log.info(`${board.device?.pairing.deviceId ?? found.name}: ${state}.`)
        },
      },
      this.#released.has(found.name),
    )
    this.#boards.set(found.name, board)
    board.start()
  }

  #deviceFor(hello: Hello, board: Board): PairedDevice | string | undefined {
    const { pairings, address, clock } = this.#options
    const pairing = pairings.find(hello.boardId, board.found.name)
    if (pairing === undefined) return undefined
    let device = this.#devices.get(pairing.deviceId)
    if (device === undefined) {
      device = new PairedDevice({ pairing, pairings, address, clock })
      this.#devices.set(pairing.deviceId, device)
    }
    const holder = device.board?.port
    if (holder === undefined || holder === board.found.name) return device
    return `The board at ${board.found.name} calls itself ${pairing.deviceId}, as the one at ${holder} does: unplug one, or pair it anew.`
  }

  /** Boards without a device may be one now. */
  #reconsider(): void {
    if (this.#isStopped) return
    for (const board of this.#boards.values()) if (board.device === undefined) board.reconsider()
  }

  async #forget(deviceId: string): Promise<void> {
    const device = this.#devices.get(deviceId)
    if (device === undefined) return
    this.#devices.delete(deviceId)
    for (const board of this.#boards.values()) if (board.device === device) board.detach()
    await device.stop()
  }

  /** The pairing stays in any case: with its password and slots it can be done again. */
  async #checkKey(board: Board): Promise<void> {
    const asked = await board.command('hello')
    if (asked.ok && board.view().signed) return
    this.#reconsider()
    throw new BridgeProblem('The board does not say that it holds the new key: pair it again.')
  }
}

function only<Item>(items: Item[]): Item | undefined {
  return items.length === 1 ? items[0] : undefined
}
