import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { installSentence, missingDebianPackages } from '../../support/debian.ts'

export const LIBRARY = join(import.meta.dirname, '../../../firmware-bridge/firmware/AdeptSlot')
const NATIVE = join(import.meta.dirname, 'native')

/** Throws the command to type when one of these Debian packages is missing. */
export function needDebian(...packages: string[]): void {
  const missing = missingDebianPackages().filter((name) => packages.includes(name))
  if (missing.length > 0) throw new Error(installSentence(missing))
}

/** Throws what the compiler says when a sketch does not compile against the Arduino API alone, as for a board of 32 bits. */
export function checkPortable(sketch: string): void {
  needDebian('g++')
  const flags = ['-std=c++11', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-DARDUINO_ARCH_RP2040']
  const includes = [`-I${NATIVE}`, `-I${join(LIBRARY, 'src')}`, '-include', 'Arduino.h']
  execFileSync('g++', [...flags, ...includes, '-x', 'c++', join(LIBRARY, 'examples', sketch, `${sketch}.ino`)])
}

/** Compiles sources against the library and the small Arduino API of this folder, for this machine; returns the program. */
export function compileNative(program: string, sources: string[], flags: string[] = []): string {
  needDebian('g++')
  mkdirSync(dirname(program), { recursive: true })
  const warnings = ['-Wall', '-Wextra', '-Werror']
  const includes = [`-I${NATIVE}`, `-I${join(LIBRARY, 'src')}`]
  const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  execFileSync(
    'g++',
    ['-std=c++11', '-O1', ...warnings, ...sanitize, ...includes, ...flags, '-o', program, ...sources],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  return program
}

export type Driver = { ask(question: string): Promise<string>; stop(): Promise<void> }

/** The library itself, answering questions line by line. */
export function startDriver(folder: string): Driver {
  const sources = ['AdeptFrame', 'AdeptSha256', 'AdeptStore', 'AdeptSlot', 'AdeptScale'].map((name) =>
    join(LIBRARY, `src/${name}.cpp`),
  )
  const child = spawn(compileNative(join(folder, 'driver'), [join(NATIVE, 'driver.cpp'), ...sources]))
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-4000)
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    ask: async (question) => {
      child.stdin.write(`${question}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`The library died at "${question}": ${said}`)
      return value
    },
    stop: async () => {
      child.stdin.end()
      await closed
    },
  }
}
