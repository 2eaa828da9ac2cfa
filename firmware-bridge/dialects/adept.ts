import { BoardMessage, commandLine, MAX_COMMAND_BYTES } from '../../gateway/wire/serial.ts'
import { type Line, readLine } from '../../gateway/wire/serial-line.ts'
import type { Dialect, Fact, Seal } from './dialect.ts'

/** Of an image that nobody released. */
const NO_RELEASE = '0'.repeat(64)

/** Our own serial line (DOMAIN.md, serial line): frames with a check sum; bare JSON lines are taken too, and never trusted. */
export const adeptDialect: Dialect = {
  name: 'adept',
  speaker() {
    let hasFrames = false
    return {
      read(bytes) {
        const line = readLine(bytes)
        if (line.kind === 'garbage') return []
        const message = messageOf(line.text)
        if (message === undefined) return []
        hasFrames ||= line.kind === 'frame'
        return [factOf(message, line)]
      },
      helloLine: (id) => commandLine(id, 'hello', undefined)!,
      commandLine(id, name, value) {
        const line = commandLine(id, name, value)
        if (line !== undefined) return { line }
        return {
          problem: `The command ${name} does not fit into ${MAX_COMMAND_BYTES} bytes of plain ASCII: shorten its value.`,
        }
      },
      // Bare JSON boards that hobbyists wrote only talk.
      answers: () => hasFrames,
    }
  },
}

function messageOf(text: string): BoardMessage | undefined {
  try {
    return BoardMessage.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function factOf(message: BoardMessage, line: Line & { text: string }): Fact {
  switch (message.t) {
    case 'hello':
      return {
        kind: 'hello',
        hello: {
          boardId: message.id,
          firmware: { version: message.fw, ...(message.sha !== NO_RELEASE && { sha256: message.sha }) },
          slots: message.slots,
          unit: message.u,
          keyFingerprint: message.k,
          counter: message.n,
        },
      }
    case 'lvl':
      return { kind: 'level', slot: message.slot, remaining: message.v, unit: message.u, seal: sealOf(message, line) }
    case 'ack':
      return { kind: 'answer', id: message.id, error: undefined }
    case 'nak':
      return { kind: 'answer', id: message.id, error: message.e }
    case 'err':
      return { kind: 'trouble', word: message.e }
  }
}

function sealOf(message: BoardMessage & { t: 'lvl' }, line: Line & { text: string }): Seal {
  if (line.kind === 'bare') return { kind: 'none', reason: 'The board sent it without a check sum.' }
  if (message.m === undefined || message.n === undefined) return { kind: 'unsigned', counter: message.n }
  return { kind: 'signed', counter: message.n, text: line.text }
}
