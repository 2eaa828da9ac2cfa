/** Where a flash is: each step runs from 0 to 1. */
export type Progress = { step: 'reading' | 'writing' | 'verifying'; share: number }
export type OnProgress = (progress: Progress) => void

/** What writes programs into one kind of chip, through the port of one board. */
export type Programmer = {
  /** How its images are kept: `hex` is Intel HEX, `bin` the bytes. */
  format: 'hex' | 'bin'
  /** Reads the board's program into a file. Throws a FlashError. */
  read(file: string, onProgress: OnProgress): Promise<{ isBlank: boolean }>
  /** Writes the image of a file and compares what then lies in the flash with it. Throws a FlashError. */
  write(file: string, onProgress: OnProgress): Promise<void>
}

/** Why a board could not be flashed, as a sentence that says what to do. */
export class FlashError extends Error {}
