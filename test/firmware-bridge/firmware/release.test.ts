import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildRelease, type Release } from '../../../firmware-bridge/firmware/build.ts'
import { formatIntelHex, imageSha256, parseIntelHex, signImage } from '../../../firmware-bridge/firmware/image.ts'
import { Desk, RELEASE } from './desk.ts'
import { needDebian } from './native.ts'

const MOST_FLASH_BYTES = 16 * 1024
const MOST_RAM_BYTES = 1200

const manifest = JSON.parse(readFileSync(join(RELEASE, '../release.json'), 'utf8')) as Release

describe('the release', () => {
  let folder: string
  let built: Release
  beforeAll(async () => {
    needDebian('gcc-avr', 'avr-libc', 'arduino-core-avr')
    folder = mkdtempSync(join(tmpdir(), 'adept-release-'))
    built = await buildRelease(folder)
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('is what the sources give, to the byte', () => {
    expect(built).toEqual(manifest)
    expect(readdirSync(folder).sort()).toEqual(readdirSync(RELEASE).sort())
    for (const { file } of manifest.images) {
      expect(readFileSync(join(folder, basename(file))).equals(readFileSync(join(RELEASE, basename(file))))).toBe(true)
    }
  })

  it('fits 16 KiB of flash, as avr-size counts it too', () => {
    for (const { file, flashBytes } of manifest.images) {
      const sizes = execFileSync('avr-size', ['--target=ihex', join(RELEASE, basename(file))], { encoding: 'utf8' })
      expect(Number(sizes.split('\n')[1]!.split(/\s+/)[2])).toBe(flashBytes)
      expect(flashBytes).toBeLessThanOrEqual(MOST_FLASH_BYTES)
    }
  })
})

describe.each(manifest.images)('the image of $sketch', ({ sketch, sha256, ramBytes }) => {
  it('says its own hash', () => {
    expect(imageSha256(readFileSync(join(RELEASE, `${sketch}.hex`), 'utf8'))).toBe(sha256)
    expect(new Desk(sketch).hear('hello')['sha']).toBe(sha256)
  })

  it('uses at most 1,200 bytes of RAM with its deepest stack, after all that a board does', () => {
    const desk = new Desk(sketch)
    desk.machine.setVolts(1)
    desk.run(2000)
    desk.command('tare')
    desk.machine.setVolts(4)
    desk.machine.scale.grams = 500
    desk.run(2000)
    desk.command('scale', 100)
    desk.machine.setButton(true)
    desk.run(2500)
    desk.machine.setButton(false)
    expect(desk.pair('bottle-1')).toBe('ack')
    desk.lines = []
    desk.command('hello')
    expect(desk.hear('lvl')['m']).toEqual(expect.stringMatching(/^[0-9a-f]{16}$/))
    expect(desk.machine.ramBytesTouched).toBeGreaterThan(ramBytes)
    expect(desk.machine.ramBytesTouched).toBeLessThanOrEqual(MOST_RAM_BYTES)
  })
})

describe('Intel HEX', () => {
  const text = readFileSync(join(RELEASE, 'LoadCell.hex'), 'utf8')

  it('is read and written alike', () => {
    expect(formatIntelHex(parseIntelHex(text))).toBe(text)
    expect(parseIntelHex(':0100000055AA\n:0100020066 97\n:00000001FF'.replace(' ', ''))).toEqual(
      Buffer.from([0x55, 0xff, 0x66]),
    )
  })

  it('is refused with a sentence when it is damaged', () => {
    const [first, ...rest] = text.split('\n')
    expect(() => parseIntelHex(rest.slice(0, -2).join('\n'))).toThrow('has no end record')
    expect(() => parseIntelHex(`${first!.replace('1', '2')}\n${rest.join('\n')}`)).toThrow(/^Line 1 of the image has /)
    expect(() => parseIntelHex('<html>')).toThrow('Line 1 of the image is not Intel HEX')
    expect(() => parseIntelHex(':017FFF00FF82\n:01800000FF80\n:00000001FF\n')).toThrow('beyond the 32 KiB')
    expect(() => parseIntelHex(':020000040001F9\n:00000001FF\n')).toThrow('more than 64 KiB')
    expect(() => parseIntelHex('')).toThrow('no end record')
  })

  it('has one hash, whatever hash is written in it', () => {
    const { image, sha256 } = signImage(parseIntelHex(text))
    expect(formatIntelHex(image)).toBe(text)
    const other = Buffer.from(image)
    other[100]! ^= 1
    expect(imageSha256(formatIntelHex(other))).not.toBe(sha256)
    expect(() => signImage(Buffer.alloc(100))).toThrow('no place for its hash')
  })
})
