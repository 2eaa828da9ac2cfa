import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { FlashError } from './programmer.ts'

/** avrdude 7.1 on a port that has gone away spins for ever without a word; its longest pause on a live one is 6 s. */
const SILENCE_MS = 15_000
const LOOK_AT_PORT_MS = 250
/** The end of a tool's output is what tells the reason. */
const KEPT_CHARACTERS = 20_000

type ToolOptions = { port: string; install: string; silenceMs?: number | undefined; onText(text: string): void }
export type ToolRun = { exitCode: number | null; output: string }

/**
 * Runs a flash tool on a port to its end; `onText` gets what it says as it comes. Throws a FlashError when the tool is not
 * installed (`install` says how to), the board is unplugged, or the tool falls silent.
 */
export function runTool(
  [program, ...args]: [string, ...string[]],
  { port, install, silenceMs = SILENCE_MS, onText }: ToolOptions,
): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let stopped: FlashError | undefined
    const stop = (sentence: string) => {
      stopped ??= new FlashError(sentence)
      child.kill('SIGKILL')
    }
    const silent = () =>
      stop(`${program} has said nothing for ${silenceMs / 1000} s. Plug the board out and in, and flash it again.`)
    let silence = setTimeout(silent, silenceMs)
    const look = setInterval(() => {
      if (!existsSync(port))
        stop(`${port} went away in the middle: plug the board in and flash it again. Its bootloader is untouched.`)
    }, LOOK_AT_PORT_MS)
    const settle = () => {
      clearTimeout(silence)
      clearInterval(look)
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        clearTimeout(silence)
        silence = setTimeout(silent, silenceMs)
        output = (output + text).slice(-KEPT_CHARACTERS)
        onText(text)
      })
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      settle()
      reject(error.code === 'ENOENT' ? new FlashError(`${program} is not installed. ${install}`) : error)
    })
    child.on('close', (exitCode) => {
      settle()
      if (stopped) reject(stopped)
      else resolve({ exitCode, output })
    })
  })
}
