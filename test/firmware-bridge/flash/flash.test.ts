import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { formatIntelHex, imageSha256, parseIntelHex } from '../../../firmware-bridge/firmware/image.ts'
import { avrdude } from '../../../firmware-bridge/flash/avrdude.ts'
import { type Firmware, type FlashOptions, flashBoard } from '../../../firmware-bridge/flash/flash.ts'
import { FlashError, type Programmer, type Progress } from '../../../firmware-bridge/flash/programmer.ts'
import { findImage, type Image } from '../../../firmware-bridge/flash/release.ts'
import { openPort } from '../../../firmware-bridge/ports/open-port.ts'
import { Simavr } from '../../support/simavr/simavr-board.ts'
import { firmwareAt } from './hello.ts'

const simavr = new Simavr()
afterAll(() => simavr.close())

const ANALOG = findImage('AnalogLevel')
const BUTTON = findImage('RunningLowButton')

function options(path: string, name: string, image: FlashOptions['image']) {
  const steps: Progress[] = []
  return {
    steps,
    board: { path, take: (): Promise<Firmware | undefined> => firmwareAt(path) },
    programmer: avrdude(path),
    keptFolder: simavr.file(`${name}-images`),
    image,
    onProgress: (progress: Progress) => {
      steps.push(progress)
    },
  }
}

function programBytes(image: { file: string }): Buffer {
  return parseIntelHex(readFileSync(image.file, 'utf8'))
}

/** The program in a chip, as long as the image. */
function programOf(chip: { file: string }, image: { file: string }): Buffer {
  return readFileSync(chip.file).subarray(0, programBytes(image).length)
}

// Bootloaders and avrdude wait in real time: side by side they take 30 s (60 on a busy machine), one after the other 80.
describe.concurrent('with avrdude and a bootloader', { timeout: 120_000 }, () => {
  test('an image is written through the bootloader and verified, and the board says its hash', async ({ expect }) => {
    const chip = simavr.chip('uno', 'optiboot', ANALOG.file)
    const board = await simavr.start(chip)
    const forwards = options(board.path, 'uno', BUTTON)
    expect(await flashBoard(forwards)).toMatchObject({
      release: { sketch: 'RunningLowButton' },
      hello: { version: BUTTON.release!.version, sha256: BUTTON.sha256 },
    })
    expect(programOf(chip, BUTTON)).toEqual(programBytes(BUTTON))
    for (const step of ['reading', 'writing', 'verifying'] as const) {
      const shares = forwards.steps.filter((progress) => progress.step === step).map(({ share }) => share)
      expect(shares).toEqual(shares.toSorted((one, other) => one - other))
      expect(shares.length).toBeGreaterThan(20)
      expect(shares.at(-1)).toBe(1)
    }
    expect(imageSha256(readFileSync(simavr.file('uno-images/previous.hex'), 'utf8'))).toBe(ANALOG.sha256)
  })

  test('a power cut in the middle leaves a board that can be flashed again, and the old image is kept', async ({
    expect,
  }) => {
    const chip = simavr.chip('cut', 'optiboot', ANALOG.file)
    const board = await simavr.start(chip)
    const cut = options(board.path, 'cut', BUTTON)
    cut.onProgress = ({ step, share }) => {
      if (step === 'writing' && share > 0.4) void board.cutPower()
    }
    await expect(flashBoard(cut)).rejects.toThrow(/went away in the middle: plug the board in and flash it again/)
    expect(programOf(chip, BUTTON)).not.toEqual(programBytes(BUTTON))
    expect(programOf(chip, ANALOG)).not.toEqual(programBytes(ANALOG))

    const again = await simavr.start(chip)
    expect(await flashBoard(options(again.path, 'cut', BUTTON))).toMatchObject({ hello: { sha256: BUTTON.sha256 } })
    expect(findImage(simavr.file('cut-images/previous.hex'))).toMatchObject({ release: { sketch: 'AnalogLevel' } })
  })

  test('the bootloader of an old Nano is found at its own rate', async ({ expect }) => {
    const board = await simavr.start(simavr.chip('nano', 'old-nano'))
    expect(await flashBoard(options(board.path, 'nano', BUTTON))).toMatchObject({ hello: { sha256: BUTTON.sha256 } })
  })

  test('a board without a bootloader', async ({ expect }) => {
    const board = await simavr.start(simavr.chip('bare', 'none', ANALOG.file))
    await expect(flashBoard(options(board.path, 'bare', BUTTON))).rejects.toThrow(
      /^No bootloader answers on \/dev\/pts\/\d+, neither at 115200 nor at 57600 baud\./,
    )
  })

  test('a port that is not there, or in use', async ({ expect }) => {
    await expect(flashBoard(options('/dev/not-there', 'gone', BUTTON))).rejects.toThrow(
      /^\/dev\/not-there is gone: plug/,
    )
    const board = await simavr.start(simavr.chip('busy', 'optiboot'))
    const holder = await openPort({ path: board.path, baudRate: 115_200, onData() {}, onClosed() {} })
    await expect(flashBoard(options(board.path, 'busy', BUTTON))).rejects.toThrow(/is in use by/)
    await holder.close()
  })
})

describe('with a chip in memory', () => {
  /** Writes half of an image before its power fails. */
  function chipInMemory(program: string) {
    const chip = { program, failsNext: false, reads: 0 }
    const programmer: Programmer = {
      format: 'hex',
      async read(file) {
        chip.reads++
        writeFileSync(file, chip.program)
        return { isBlank: chip.program === BLANK }
      },
      async write(file) {
        const image = readFileSync(file, 'utf8')
        const half = parseIntelHex(image)
        chip.program = chip.failsNext ? formatIntelHex(half.subarray(0, half.length / 2)) : image
        if (chip.failsNext) throw new FlashError('The power failed.')
      },
    }
    return { chip, programmer }
  }
  const BLANK = formatIntelHex(Buffer.alloc(0))
  const hexOf = (image: { file: string }) => readFileSync(image.file, 'utf8')

  test('a power cut in a rollback, or in what follows it, loses neither image', async () => {
    const { chip, programmer } = chipInMemory(hexOf(ANALOG))
    const board = await simavr.start(simavr.chip('memory', 'none'))
    const flash = (image: FlashOptions['image']) =>
      flashBoard({
        ...options(board.path, 'memory', image),
        board: { path: board.path, take: async () => undefined },
        programmer,
      })
    await flash(BUTTON)
    chip.failsNext = true
    await expect(flash('previous')).rejects.toThrow('The power failed.')
    await expect(flash('previous')).rejects.toThrow('The power failed.')
    await expect(flash(BUTTON)).rejects.toThrow('The power failed.')
    chip.failsNext = false
    await flash('previous')
    expect(chip.program).toBe(hexOf(ANALOG))
    // What lay in the unfinished board was never read out: only the two whole images were.
    expect(chip.reads).toBe(2)
    await flash('previous')
    expect(chip.program).toBe(hexOf(BUTTON))
    await flash(BUTTON)
    await flash('previous')
    expect(chip.program).toBe(hexOf(ANALOG))
  })

  test('a board that is not heard afterwards: that is a failure for a released image only', async () => {
    const { programmer } = chipInMemory(BLANK)
    const board = await simavr.start(simavr.chip('mute', 'none'))
    const take = () => Promise.reject(new Error('It did not come back.'))
    const flash = (image: Image) =>
      flashBoard({ ...options(board.path, 'mute', image), board: { path: board.path, take }, programmer })
    await expect(flash(BUTTON)).rejects.toThrow(/verified, but the board is not heard: It did not come back\.$/)
    expect(await flash({ ...BUTTON, release: undefined })).toMatchObject({ hello: undefined })
  })

  test('a board that says another hash than was written', async () => {
    const { programmer } = chipInMemory(BLANK)
    const board = await simavr.start(simavr.chip('other', 'none'))
    const take = async () => ({ version: '0.9.0', sha256: ANALOG.sha256 })
    const flash = (image: FlashOptions['image']) =>
      flashBoard({ ...options(board.path, 'other', image), board: { path: board.path, take }, programmer })
    await expect(flash(BUTTON)).rejects.toThrow(/was written and verified, but it says that it runs 0\.9\.0/)
    // A blank chip had nothing to go back to.
    await expect(flash('previous')).rejects.toThrow(/No image was kept of this board/)
  })
})
