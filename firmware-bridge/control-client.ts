import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { readLines } from '../gateway/lib/lines.ts'
import { type BoardView, ControlAnswer, type ControlRequest, LogLine } from './control-messages.ts'

const MAX_ANSWER_BYTES = 1_048_576
/** Pairing takes ten commands of up to 2.5 s each when a board does not answer well. */
const ANSWER_WITHIN_MS = 30_000

/** What the bridge refused, or that there is none, as a sentence. */
export class BridgeError extends Error {}

type Done = Extract<ControlAnswer, { ok: true }>

/** Where the bridge of a data folder listens. */
export function controlSocket(dataFolder: string): string {
  return join(bridgeFolder(dataFolder), 'bridge.sock')
}

/** The bridge's own part of a data folder. */
export function bridgeFolder(dataFolder: string): string {
  return join(dataFolder, 'bridge')
}

/** Asks the bridge of a data folder once. Throws `BridgeError` when it refuses or does not run. */
export async function askBridge(
  dataFolder: string,
  request: Exclude<ControlRequest, { do: 'release' | 'log' }>,
): Promise<Done> {
  const { socket, lines } = await open(dataFolder, request)
  const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN_MS)
  try {
    return await answerOf(lines)
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** Lines of a board, both ways, until the signal ends it or the bridge stops. */
export async function* followBoardLog(
  dataFolder: string,
  board: string,
  signal?: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  const { socket, lines } = await open(dataFolder, { do: 'log', board })
  const end = () => socket.destroy()
  signal?.addEventListener('abort', end)
  try {
    await answerOf(lines)
    for await (const line of lines) yield LogLine.parse(JSON.parse(line))
  } catch (error) {
    if (!signal?.aborted) throw error
  } finally {
    signal?.removeEventListener('abort', end)
    socket.destroy()
  }
}

/** A board's port that the bridge has closed; it takes it again on `take`, `close`, or when this process ends. */
export type ReleasedBoard = { path: string; take(): Promise<BoardView>; close(): void }

export async function releaseBoard(dataFolder: string, board: string): Promise<ReleasedBoard> {
  const { socket, lines } = await open(dataFolder, { do: 'release', board })
  try {
    const { path = '' } = await answerOf(lines)
    return {
      path,
      async take() {
        socket.write('{"do":"take"}\n')
        const { board: view } = await answerOf(lines).finally(() => socket.destroy())
        return view!
      },
      close: () => void socket.destroy(),
    }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

type Lines = AsyncGenerator<string, void, undefined>

async function open(dataFolder: string, request: ControlRequest): Promise<{ socket: Socket; lines: Lines }> {
  const socket = connect(controlSocket(dataFolder))
  try {
    await once(socket, 'connect')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new BridgeError(
      code === 'EACCES'
        ? `This user may not speak to the bridge in ${dataFolder}: it runs as another user.`
        : `No bridge runs on ${dataFolder}. Start it with: npm run bridge -- --data ${dataFolder}`,
      { cause },
    )
  }
  socket.write(`${JSON.stringify(request)}\n`)
  return { socket, lines: readLines(socket, MAX_ANSWER_BYTES) }
}

async function answerOf(lines: Lines): Promise<Done> {
  const first = await lines.next()
  if (first.done) throw new BridgeError('The bridge went away before it answered: look at its log.')
  const answer = ControlAnswer.parse(JSON.parse(first.value))
  if (!answer.ok) throw new BridgeError(answer.error)
  return answer
}
