import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { z } from 'zod'
import { readLines } from '../gateway/lib/lines.ts'
import type { Bridge } from './bridge.ts'
import { type ControlAnswer, ControlRequest, type LogLine, TakeRequest } from './control-messages.ts'
import { BridgeProblem } from './pair-board.ts'
import { PAIRING_COMMANDS } from './paired-device.ts'

const MAX_REQUEST_BYTES = 16_384
const MAX_CONNECTIONS = 32
/** `sun_path` has 108 bytes with its end. */
const MAX_SOCKET_PATH_BYTES = 107
/** A reader of the log that is slower than the board misses lines: they are not kept for it. */
const MAX_UNREAD_BYTES = 65_536

/** The bridge's ear for `adept board`: a Unix socket in its folder, which only its owner may enter. */
export class ControlServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #path: string

  constructor(bridge: Bridge, path: string, onFault: (error: unknown) => void) {
    this.#path = path
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined) // it leaves
      socket.once('close', () => this.#sockets.delete(socket))
      serve(bridge, socket)
        .catch(onFault)
        .finally(() => socket.end())
    })
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /** The folder is locked by this process: a socket that is there was left by one that was killed. */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_SOCKET_PATH_BYTES) {
      throw new Error(`${this.#path} is too long for a socket: name a data folder with a shorter path with --data.`)
    }
    rmSync(this.#path, { force: true })
    this.#server.listen(this.#path)
    await once(this.#server, 'listening')
    chmodSync(this.#path, 0o600)
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

async function serve(bridge: Bridge, socket: Socket): Promise<void> {
  const lines = readLines(socket, MAX_REQUEST_BYTES)
  const answer = (body: ControlAnswer | LogLine) => void socket.write(`${JSON.stringify(body)}\n`)
  try {
    const first = await lines.next()
    if (first.done) return
    const request = parse(ControlRequest, first.value)
    if (request.do === 'release') await lend(bridge, request.board, lines, answer)
    else if (request.do === 'log') await follow(bridge, request.board, socket, lines, answer)
    else answer(await handle(bridge, request))
  } catch (error) {
    if (isDisconnect(error)) return
    const sentence = error instanceof BridgeProblem ? error.message : undefined
    answer({ ok: false, error: sentence ?? 'The bridge failed at this: look at its log.' })
    if (sentence === undefined) throw error
  }
}

async function handle(
  bridge: Bridge,
  request: Exclude<ControlRequest, { do: 'release' | 'log' }>,
): Promise<ControlAnswer> {
  switch (request.do) {
    case 'list':
      return { ok: true, boards: bridge.view() }
    case 'command': {
      const { board, name, value } = request
      if (PAIRING_COMMANDS.has(name)) throw new BridgeProblem(`${name} is a step of pairing: type adept board pair.`)
      return bridge.find(board).command(name, value)
    }
    case 'pair':
      return { ok: true, board: await bridge.pair(request) }
  }
}

type Lines = AsyncGenerator<string, void, undefined>

/** Lends the port for as long as the connection lasts: whoever is killed while flashing gives it back. */
async function lend(bridge: Bridge, board: string, lines: Lines, answer: (body: ControlAnswer) => void): Promise<void> {
  const { path, take } = await bridge.release(board)
  answer({ ok: true, path })
  const isAsked = await lines
    .next()
    .then((line) => line.done !== true && TakeRequest.safeParse(jsonOf(line.value)).success)
    .catch(() => false)
  const taken = take()
  if (isAsked) answer({ ok: true, board: await taken })
  else await taken.catch(() => undefined)
}

async function follow(
  bridge: Bridge,
  name: string,
  socket: Socket,
  lines: Lines,
  answer: (body: ControlAnswer | LogLine) => void,
): Promise<void> {
  const unfollow = bridge.follow(name, (line) => {
    if (socket.writableLength < MAX_UNREAD_BYTES) answer(line)
  })
  answer({ ok: true })
  try {
    await lines.next() // whoever follows says nothing more: this ends with the connection
  } finally {
    unfollow()
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, line: string): z.infer<Schema> {
  const parsed = schema.safeParse(jsonOf(line))
  if (parsed.success) return parsed.data
  throw new BridgeProblem(z.prettifyError(parsed.error))
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function isDisconnect(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
