import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlashError, type OnProgress, type Programmer } from './programmer.ts'
import { hashOfImage, type Image } from './release.ts'

/**
 * The image that a board had before, in a folder of its own:
 * - `previous.hex` is what a rollback writes. A flash puts it there before the first byte is written.
 * - `replaced.hex` is what a rollback is about to replace; it becomes the previous one when the rollback is done.
 * - `unfinished` is there while the board's flash is neither the old image nor the new one. What lies in such a board is not
 *   read out: it must not take the place of an image that works.
 */
export class KeptImage {
  readonly #folder: string
  readonly #format: Programmer['format']

  constructor(folder: string, format: Programmer['format']) {
    this.#folder = folder
    this.#format = format
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** The file that a rollback writes. */
  get previous(): string {
    const file = this.#file('previous')
    if (!existsSync(file)) throw new FlashError('No image was kept of this board: it was not flashed from here yet.')
    return file
  }

  /**
   * Reads out what the board has, and marks it as unfinished; of a board that is so already nothing is read. A blank board, or
   * one that has this image already, has nothing to keep.
   */
  async begin(programmer: Programmer, image: Image, isRollback: boolean, onProgress: OnProgress): Promise<void> {
    if (existsSync(this.#unfinished)) return
    const readOut = this.#file('read-out')
    const { isBlank } = await programmer.read(readOut, onProgress)
    if (isBlank || hashOfImage(readOut) === image.sha256) rmSync(readOut)
    else renameSync(readOut, this.#file(isRollback ? 'replaced' : 'previous'))
    writeFileSync(this.#unfinished, '')
  }

  /** The image that was to be written is on the board. */
  finish(isRollback: boolean): void {
    const replaced = this.#file('replaced')
    if (isRollback && existsSync(replaced)) renameSync(replaced, this.#file('previous'))
    rmSync(replaced, { force: true })
    rmSync(this.#unfinished)
  }

  get #unfinished(): string {
    return join(this.#folder, 'unfinished')
  }

  #file(name: string): string {
    return join(this.#folder, `${name}.${this.#format}`)
  }
}
