/**
 * Builds the release images of the sketches for an Arduino Uno or Nano (ATmega328P, 16 MHz), with Debian's avr-gcc and Arduino core.
 * `node firmware-bridge/firmware/build.ts` writes release/*.hex and release.json, `--check` only compares: the same
 * packages give the same bytes.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { formatIntelHex, parseIntelHex, signImage } from './image.ts'

const run = promisify(execFile)

const HERE = import.meta.dirname
const CORE = '/usr/share/arduino/hardware/arduino/avr'
const SKETCHES = ['LoadCell', 'AnalogLevel', 'RunningLowButton'] as const

/** The flags of the Arduino IDE for an Uno. gcc 5.4 must be told DECIMAL_DIG, which its float.h lacks in C++. */
const FLAGS = [
  ['-mmcu=atmega328p', '-DF_CPU=16000000L', '-DARDUINO=10819', '-DARDUINO_AVR_UNO', '-DARDUINO_ARCH_AVR'],
  ['-DDECIMAL_DIG=__DECIMAL_DIG__', '-Os', '-flto', '-ffunction-sections', '-fdata-sections', '-Wall', '-Wextra'],
].flat()
const CPP_FLAGS = ['-std=gnu++11', '-fno-exceptions', '-fno-threadsafe-statics']
const INCLUDES = [
  `-I${CORE}/cores/arduino`,
  `-I${CORE}/variants/standard`,
  `-I${CORE}/libraries/EEPROM/src`,
  `-I${join(HERE, 'AdeptSlot/src')}`,
]

export type FirmwareImage = {
  sketch: string
  board: 'uno'
  mcu: 'atmega328p'
  /** Relative to this folder. */
  file: string
  /** What the board says as `sha` in hello. */
  sha256: string
  flashBytes: number
  /** Static RAM; the stack comes on top. */
  ramBytes: number
}
export type Release = { version: string; builtWith: string; images: FirmwareImage[] }

/** Builds all sketches into `folder`, which gets the `<sketch>.hex` files; returns what release.json says of them. */
export async function buildRelease(folder: string): Promise<Release> {
  const work = await mkdtemp(join(tmpdir(), 'adept-firmware-'))
  try {
    await mkdir(folder, { recursive: true })
    const core = await compileFolder(join(CORE, 'cores/arduino'), work, 'core')
    const library = await compileFolder(join(HERE, 'AdeptSlot/src'), work, 'library')
    const images: FirmwareImage[] = []
    for (const sketch of SKETCHES) images.push(await buildSketch(sketch, [...library, ...core], work, folder))
    return { version: await libraryVersion(), builtWith: await toolVersions(), images }
  } finally {
    await rm(work, { recursive: true })
  }
}

async function buildSketch(sketch: string, objects: string[], work: string, folder: string): Promise<FirmwareImage> {
  const source = join(HERE, 'AdeptSlot/examples', sketch, `${sketch}.ino`)
  const object = join(work, `${sketch}.o`)
  const elf = join(work, `${sketch}.elf`)
  await compile(source, object, ['-x', 'c++', '-include', 'Arduino.h'])
  await run('avr-gcc', [...FLAGS, '-Wl,--gc-sections', '-fuse-linker-plugin', '-o', elf, object, ...objects, '-lm'])
  const hex = join(work, `${sketch}.hex`)
  await run('avr-objcopy', ['-O', 'ihex', '-R', '.eeprom', elf, hex])

  const { image, sha256 } = signImage(parseIntelHex(await readFile(hex, 'utf8')))
  await writeFile(join(folder, `${sketch}.hex`), formatIntelHex(image))
  return {
    sketch,
    board: 'uno',
    mcu: 'atmega328p',
    file: `release/${sketch}.hex`,
    sha256,
    flashBytes: image.length,
    ramBytes: await staticRamBytes(elf),
  }
}

/** Compiles every C and C++ file of a folder; at most two compilers at a time. */
async function compileFolder(folder: string, work: string, prefix: string): Promise<string[]> {
  const sources = (await readdir(folder)).filter((name) => /\.(c|cpp|S)$/.test(name)).sort()
  const objects = sources.map((name) => join(work, `${prefix}-${name}.o`))
  const waiting = sources.entries()
  const worker = async () => {
    for (const [index, name] of waiting) await compile(join(folder, name), objects[index]!)
  }
  await Promise.all([worker(), worker()])
  return objects
}

async function compile(source: string, object: string, more: string[] = []): Promise<void> {
  const language = source.endsWith('.c')
    ? ['-std=gnu11']
    : source.endsWith('.S')
      ? ['-x', 'assembler-with-cpp']
      : CPP_FLAGS
  // Warnings are for our own sources only.
  const quiet = source.startsWith(CORE) ? ['-w'] : ['-Werror']
  const compiler = source.endsWith('.c') || source.endsWith('.S') ? 'avr-gcc' : 'avr-g++'
  await run(compiler, [...FLAGS, ...language, ...quiet, ...INCLUDES, ...more, '-c', source, '-o', object])
}

/** .data and .bss of an ELF file. */
async function staticRamBytes(elf: string): Promise<number> {
  const { stdout } = await run('avr-size', ['-A', elf])
  const sizeOf = (section: string) => Number(new RegExp(`^\\.${section}\\s+(\\d+)`, 'm').exec(stdout)?.[1] ?? 0)
  return sizeOf('data') + sizeOf('bss') + sizeOf('noinit')
}

async function libraryVersion(): Promise<string> {
  const properties = await readFile(join(HERE, 'AdeptSlot/library.properties'), 'utf8')
  return /^version=(.+)$/m.exec(properties)![1]!
}

async function toolVersions(): Promise<string> {
  const { stdout } = await run('avr-gcc', ['-dumpversion'])
  const core = /^version=(.+)$/m.exec(await readFile(join(CORE, 'platform.txt'), 'utf8'))![1]!
  return `avr-gcc ${stdout.trim()}, Arduino AVR core ${core}`
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    console.log(
      'node firmware-bridge/firmware/build.ts [--check]: builds the release images, or checks that they are fresh.',
    )
    return
  }
  const missing = ['/usr/bin/avr-gcc', `${CORE}/platform.txt`].find((path) => !existsSync(path))
  if (missing !== undefined) {
    console.error(`${missing} is missing. Install with: sudo apt-get install -y gcc-avr avr-libc arduino-core-avr`)
    process.exitCode = 1
    return
  }
  const check = process.argv.includes('--check')
  const folder = check ? await mkdtemp(join(tmpdir(), 'adept-release-')) : join(HERE, 'release')
  const release = await buildRelease(folder)
  for (const { sketch, flashBytes, ramBytes, sha256 } of release.images) {
    console.log(`${sketch.padEnd(17)} flash ${flashBytes} bytes, static RAM ${ramBytes} bytes, sha256 ${sha256}`)
  }
  const text = `${JSON.stringify(release, null, 2)}\n`
  const manifest = join(HERE, 'release.json')
  if (!check) {
    await writeFile(manifest, text)
    return
  }
  for (const { file } of release.images) {
    const [built, kept] = await Promise.all([readFile(join(folder, basename(file))), readFile(join(HERE, file))])
    if (!built.equals(kept)) stale(file)
  }
  if ((await readFile(manifest, 'utf8')) !== text) stale('release.json')
  await rm(folder, { recursive: true })
}

function stale(file: string): void {
  console.error(`${file} is not what the sources give: run node firmware-bridge/firmware/build.ts and commit it.`)
  process.exitCode = 1
}

if (import.meta.main) await main()
