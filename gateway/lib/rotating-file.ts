import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs'

/** The file and so many before it: `gateway.log.1` is the youngest of them. */
const KEPT_FILES = 4

/**
 * A log file that never outgrows its bound: beyond `maxBytes` it is renamed to `<file>.1`, and the oldest goes. Lines are on
 * their way to the disk when `write` returns. A full disk costs lines, never the program; the first that is lost is told to `onProblem`.
 */
export function rotatingFile(
  file: string,
  maxBytes: number,
  onProblem: (sentence: string) => void,
): { write(line: string): void } {
  let handle: number | undefined = openSync(file, 'a', 0o600)
  let bytes = fstatSync(handle).size
  let isLosing = false

  function rotate(): void {
    if (handle !== undefined) closeSync(handle)
    handle = undefined
    for (let age = KEPT_FILES - 1; age >= 0; age--) {
      const name = age === 0 ? file : `${file}.${age}`
      if (statSync(name, { throwIfNoEntry: false }) !== undefined) renameSync(name, `${file}.${age + 1}`)
    }
  }

  return {
    write(line) {
      const length = Buffer.byteLength(line)
      try {
        if (bytes > 0 && bytes + length > maxBytes) rotate()
        if (handle === undefined) {
          handle = openSync(file, 'a', 0o600)
          bytes = 0
        }
        writeSync(handle, line)
        bytes += length
        isLosing = false
      } catch (error) {
        if (!isLosing) onProblem(`Lines of the log are lost: ${(error as Error).message}.`)
        isLosing = true
      }
    },
  }
}
