import { openPort } from '../ports/open-port.ts'
import { KeptImage } from './kept-image.ts'
import { FlashError, type OnProgress, type Programmer } from './programmer.ts'
import { findImage, type Image } from './release.ts'

/** What a board says it runs. `sha256` is absent, or 64 zeros, in a build of somebody's own. */
export type Firmware = { version: string; sha256?: string | undefined }

/** A board whose port is free for us; `take` gives it back and waits for its hello (undefined: nobody listens for one). */
export type FreeBoard = { path: string; take(): Promise<Firmware | undefined> }

export type FlashOptions = {
  board: FreeBoard
  programmer: Programmer
  /** Folder of this board, for the image that it had before. */
  keptFolder: string
  /** What to write: an image, or the one that was there before. */
  image: Image | 'previous'
  onProgress: OnProgress
}

/** What was written, and what the board says of it. */
export type FlashedImage = Image & { hello: Firmware | undefined }

/**
 * Keeps the board's image, writes the new one, verifies it, and lets the board say what it runs now. A failure at any point
 * leaves a board that can be flashed again: the bootloader is never written. Throws a FlashError or PortError.
 */
export async function flashBoard({
  board,
  programmer,
  keptFolder,
  image,
  onProgress,
}: FlashOptions): Promise<FlashedImage> {
  const kept = new KeptImage(keptFolder, programmer.format)
  const isRollback = image === 'previous'
  const wanted = isRollback ? findImage(kept.previous) : image
  await checkPort(board.path)
  await kept.begin(programmer, wanted, isRollback, onProgress)
  await programmer.write(wanted.file, onProgress)
  kept.finish(isRollback)
  const hello = await helloOf(board, wanted)
  return { ...wanted, hello }
}

/** A released image must say its hash; whatever one of somebody's own says is fine. */
async function helloOf(board: FreeBoard, { release, sha256 }: Image): Promise<Firmware | undefined> {
  if (release === undefined) return board.take().catch(() => undefined)
  const written = `${release.sketch} ${release.version} was written and verified, but`
  const hello = await board.take().catch((error: Error) => {
    throw new FlashError(`${written} the board is not heard: ${error.message}`)
  })
  if (hello === undefined || hello.sha256 === sha256) return hello
  throw new FlashError(
    `${written} it says that it runs ${hello.version} (${hello.sha256 ?? 'no hash'}): is ${board.path} the board that you mean?`,
  )
}

/** The tools tell little about a port that they may not use, and take one that another program has. */
async function checkPort(path: string): Promise<void> {
  const port = await openPort({ path, baudRate: 115_200, onData: () => undefined, onClosed: () => undefined })
  await port.close()
}
