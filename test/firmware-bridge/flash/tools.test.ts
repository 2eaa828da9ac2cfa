import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatIntelHex, parseIntelHex } from '../../../firmware-bridge/firmware/image.ts'
import { avrdude } from '../../../firmware-bridge/flash/avrdude.ts'
import { esptool } from '../../../firmware-bridge/flash/esptool.ts'
import type { Progress } from '../../../firmware-bridge/flash/programmer.ts'
import { findImage } from '../../../firmware-bridge/flash/release.ts'

const BUTTON = findImage('RunningLowButton')
const root = mkdtempSync(join(tmpdir(), 'adept-tools-'))
const file = (name: string) => join(root, name)
afterAll(() => rmSync(root, { recursive: true }))

describe('an image', () => {
  test('that is none is refused', () => {
    expect(() => findImage('Toaster')).toThrow(
      /^There is no image Toaster\. Take LoadCell, AnalogLevel, RunningLowButton, or/,
    )
    expect(() => findImage('/nowhere/a.hex')).toThrow(/cannot be read: is its name right/)
    const cutOff = file('cut-off.hex')
    writeFileSync(cutOff, readFileSync(BUTTON.file, 'utf8').slice(0, 1_000))
    expect(() => findImage(cutOff)).toThrow(/cut-off\.hex is no image: /)
    const empty = file('empty.hex')
    writeFileSync(empty, ':00000001FF\n')
    expect(() => findImage(empty)).toThrow(/empty\.hex is no image: The image holds no program/)
  })

  test('of somebody’s own is told from a released one, whatever its file is called', () => {
    const own = file('own.hex')
    const bytes = Buffer.from(parseIntelHex(readFileSync(BUTTON.file, 'utf8')))
    bytes[5_000]! ^= 1
    writeFileSync(own, formatIntelHex(bytes))
    expect(findImage(own).release).toBeUndefined()
    copyFileSync(BUTTON.file, own)
    expect(findImage(own)).toEqual({ ...BUTTON, file: own })
  })
})

describe('with a stand-in for the tool', () => {
  const folder = file('bin')
  const path = process.env['PATH']
  const port = file('port')
  beforeAll(() => {
    mkdirSync(folder)
    writeFileSync(port, '')
    process.env['PATH'] = `${folder}:${path}`
  })
  afterAll(() => {
    process.env['PATH'] = path
  })
  const standIn = (name: string, script: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const ignore = () => undefined

  test('avrdude’s own reasons become sentences', async () => {
    // Words of avrdude 7.1; a worn flash and another chip cannot be had from the simulator.
    for (const [said, sentence] of [
      ['expected signature for ATmega328P is 1E 95 0F', /is no ATmega328P .*Nothing was written/],
      [
        'device 0x00 != input 0x94 at addr 0x0000 (error)\nerror: verification mismatch',
        /is not what was written.*worn out/,
      ],
      ['stk500_paged_write(): protocol expects sync byte 0x14 but got 0x00', /stopped answering in the middle/],
      ['error: cannot make sense of it', /^avrdude could not use \S+: cannot make sense of it\.$/],
    ] as const) {
      standIn('avrdude', `echo 'avrdude: device signature = 0x1e9406'; printf 'avrdude ${said}\n'; exit 1`)
      await expect(avrdude(port).write(BUTTON.file, ignore)).rejects.toThrow(sentence)
    }
  })

  test('a tool that falls silent is ended', async () => {
    standIn('avrdude', 'exec sleep 600')
    await expect(avrdude(port, 200).write(BUTTON.file, ignore)).rejects.toThrow(/avrdude has said nothing for 0\.2 s/)
  })

  test('esptool is driven as it documents', async () => {
    // No ESP32 can be simulated here: these are the words of esptool 4.
    standIn(
      'esptool',
      `[ "$1" = version ] && exit 0
[ "$1 $2 $3 $4" = "--port ${port} --baud 460800" ] || { echo "A fatal error occurred: arguments $*"; exit 2; }
case "$5" in
  read_flash) [ "$6 $7" = "0x10000 1310720" ] && printf 'old\\377\\377' > "$8" && echo '1310720 (100 %)' ;;
  write_flash) [ "$6" = 0x10000 ] && printf 'Writing at 0x00010000... (50 %%)\\nWriting at 0x00014000... (100 %%)\\nHash of data verified.\\n' && cp "$7" "${folder}/chip" ;;
esac`,
    )
    const steps: string[] = []
    const note = ({ step, share }: Progress) => {
      steps.push(`${step} ${share}`)
    }
    const [kept, fresh] = [join(folder, 'previous.bin'), join(folder, 'new.bin')]
    expect(await esptool(port).read(kept, note)).toEqual({ isBlank: false })
    expect(readFileSync(kept, 'latin1')).toBe('old')
    writeFileSync(fresh, 'new')
    expect(findImage(fresh)).toEqual({
      file: fresh,
      release: undefined,
      sha256: createHash('sha256').update('new').digest('hex'),
    })
    await esptool(port).write(fresh, note)
    expect(readFileSync(join(folder, 'chip'), 'latin1')).toBe('new')
    expect(steps).toEqual(['reading 1', 'writing 1', 'verifying 1'])
    standIn('esptool', 'echo "A fatal error occurred: Failed to connect to ESP32: No serial data received."; exit 2')
    await expect(esptool(port).write(kept, ignore)).rejects.toThrow(/^No ESP32 answers on .*Hold its BOOT button/)
  })

  test('one that is not installed comes with the line to type', async () => {
    process.env['PATH'] = file('empty')
    const missing = (tool: string) => `${tool} is not installed. Type: sudo apt-get install -y ${tool}`
    await expect(esptool(port).write(BUTTON.file, ignore)).rejects.toThrow(missing('esptool'))
    await expect(avrdude(port).write(BUTTON.file, ignore)).rejects.toThrow(missing('avrdude'))
  })
})
