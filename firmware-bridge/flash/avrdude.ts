import { readFileSync, writeFileSync } from 'node:fs'
import { formatIntelHex, parseIntelHex } from '../firmware/image.ts'
import { FlashError, type OnProgress, type Programmer, type Progress } from './programmer.ts'
import { runTool, type ToolRun } from './tool.ts'

/** Bootloaders of ATmega328P boards, newest first: optiboot (Uno, Nano) and that of Nanos before 2018; the latter is larger. */
const BOOTLOADERS = [
  { baudRate: 115_200, programBytes: 32_256 },
  { baudRate: 57_600, programBytes: 30_720 },
] as const
type Bootloader = (typeof BOOTLOADERS)[number]
/** A bootloader may miss the first call; each resets the board, and takes 6 s when nothing answers. */
const ROUNDS = 2
/** avrdude draws its bars with so many `#`. */
const BAR_MARKS = 50
const MAX_LINE_CHARACTERS = 200

/** avrdude for an ATmega328P with a serial bootloader. */
export function avrdude(port: string, silenceMs?: number): Programmer {
  let found: Bootloader | undefined
  const calls = Array.from({ length: ROUNDS }, () => BOOTLOADERS).flat()

  /** One run with the bootloader that answers. */
  const run = async (
    operation: (loader: Bootloader) => string,
    onText: (text: string) => void,
  ): Promise<Bootloader> => {
    for (const loader of found ? [found] : calls) {
      const ran = await runTool(commandLine(port, loader.baudRate, operation(loader)), {
        port,
        install: 'Type: sudo apt-get install -y avrdude',
        silenceMs,
        onText,
      })
      if (ran.exitCode === 0) {
        found = loader
        return loader
      }
      if (!isSilent(ran)) throw new FlashError(problemOf(ran, port))
    }
    throw new FlashError(
      `No bootloader answers on ${port}, neither at ${BOOTLOADERS.map(({ baudRate }) => baudRate).join(' nor at ')} baud. ` +
        'Is it an Uno or a Nano? Take off what is wired to its pins 0 and 1, press its reset button once and try again.',
    )
  }

  return {
    format: 'hex',
    async read(file, onProgress) {
      const { programBytes } = await run(() => `flash:r:${file}:i`, bars(onProgress, { Reading: 'reading' }))
      const program = programOf(parseIntelHex(readFileSync(file, 'utf8')), programBytes)
      writeFileSync(file, formatIntelHex(program))
      return { isBlank: program.length === 0 }
    },
    async write(file, onProgress) {
      const { length } = parseIntelHex(readFileSync(file, 'utf8'))
      await run(
        ({ programBytes, baudRate }) => {
          if (length > programBytes) {
            throw new FlashError(
              `The image has ${length} bytes, and this board (${baudRate} baud) takes ${programBytes}.`,
            )
          }
          return `flash:w:${file}:i`
        },
        bars(onProgress, { Writing: 'writing', Reading: 'verifying' }),
      )
    },
  }
}

/** -D: a bootloader erases page by page, as it writes. */
function commandLine(port: string, baudRate: number, operation: string): [string, ...string[]] {
  const part = ['-p', 'm328p', '-c', 'arduino', '-P', port, '-b', String(baudRate)]
  return ['avrdude', ...part, '-x', 'attempts=1', '-D', '-U', operation]
}

/** What was read, without the bootloader above the program and without the erased rest. */
function programOf(flash: Buffer, programBytes: number): Buffer {
  let length = Math.min(flash.length, programBytes)
  while (length > 0 && flash[length - 1] === 0xff) length--
  return flash.subarray(0, length)
}

/** Reads avrdude's bars (`Writing | ####…`) as they grow. */
function bars(onProgress: OnProgress, steps: Record<string, Progress['step']>): (text: string) => void {
  let rest = ''
  return (text) => {
    rest += text
    for (const [, name, marks] of rest.matchAll(/(\w+) \| (#*)/g)) {
      const step = steps[name!]
      if (step !== undefined) onProgress({ step, share: Math.min(1, marks!.length / BAR_MARKS) })
    }
    rest = rest.slice(rest.lastIndexOf('\n') + 1).slice(-MAX_LINE_CHARACTERS)
  }
}

/** Nobody, or nobody who understands, answered: there may be another bootloader. */
function isSilent({ output }: ToolRun): boolean {
  return /not in sync|not responding/.test(output) && !/device signature/i.test(output)
}

function problemOf({ output }: ToolRun, port: string): string {
  const signature = /device signature = (0x[0-9a-f]{6})/i.exec(output)?.[1]
  if (/expected signature/i.test(output)) {
    return `The chip on ${port} is no ATmega328P (signature ${signature}): this image is not for it. Nothing was written.`
  }
  if (/verification (error|mismatch)/i.test(output)) {
    return `What lies in the board on ${port} is not what was written. Flash it again; if that fails too, its flash is worn out.`
  }
  if (/not in sync|not responding|protocol expects/i.test(output)) {
    return `The board on ${port} stopped answering in the middle. Check its cable and flash it again; its bootloader is untouched.`
  }
  const last = output.split('\n').findLast((line) => /error/i.test(line) && !/TIOCM/.test(line))
  return `avrdude could not use ${port}: ${(last ?? 'it did not say why').replace(/^avrdude (OS )?error: /, '')}.`
}
