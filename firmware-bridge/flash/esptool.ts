import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { FlashError, type OnProgress, type Programmer } from './programmer.ts'
import { runTool } from './tool.ts'

/** Debian and esptool 5 call it by the first name, older installations by the second. */
const NAMES = ['esptool', 'esptool.py'] as const
/** Where the Arduino core for ESP32 puts the program, and how much its default partitions give it. */
const PROGRAM_AT = '0x10000'
const PROGRAM_BYTES = 0x140000
const BAUD_RATE = 460_800

/** esptool for an ESP32 whose bootloader and partitions are those of the Arduino core: only the program is exchanged. */
export function esptool(port: string): Programmer {
  const run = async (operation: string[], onText: (text: string) => void): Promise<void> => {
    const program = NAMES.find((name) => spawnSync(name, ['version']).error === undefined) ?? NAMES[0]
    const ran = await runTool([program, '--port', port, '--baud', String(BAUD_RATE), ...operation], {
      port,
      install: 'Type: sudo apt-get install -y esptool',
      onText,
    })
    if (ran.exitCode !== 0) throw new FlashError(problemOf(ran.output, port))
  }

  return {
    format: 'bin',
    async read(file, onProgress) {
      await run(['read_flash', PROGRAM_AT, String(PROGRAM_BYTES), file], percents(onProgress, 'reading'))
      const flash = readFileSync(file)
      let length = flash.length
      while (length > 0 && flash[length - 1] === 0xff) length--
      writeFileSync(file, flash.subarray(0, length))
      return { isBlank: length === 0 }
    },
    async write(file, onProgress) {
      // It compares the chip's own hash of what was written with that of the file, and fails when they differ.
      await run(['write_flash', PROGRAM_AT, file], percents(onProgress, 'writing'))
      onProgress({ step: 'verifying', share: 1 })
    },
  }
}

/** `Writing at 0x00014000... (33 %)` in version 4, a bar with `33.3%` in version 5. */
function percents(onProgress: OnProgress, step: 'reading' | 'writing'): (text: string) => void {
  return (text) => {
    const last = [...text.matchAll(/(\d{1,3})(?:\.\d+)? ?%/g)].at(-1)
    if (last !== undefined) onProgress({ step, share: Math.min(100, Number(last[1])) / 100 })
  }
}

function problemOf(output: string, port: string): string {
  if (/failed to connect|no serial data/i.test(output)) {
    return `No ESP32 answers on ${port}. Hold its BOOT button while the flash begins, and check that the cable carries data.`
  }
  const last = output.split('\n').findLast((line) => /error/i.test(line)) ?? 'it did not say why'
  return `esptool could not use ${port}: ${last.replace(/^.*?error occurred: /i, '').trim()}`
}
