import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { replaceFile } from '../../gateway/lib/files.ts'
import { parseRecording, type Recording, recordingText } from './recording.ts'

/** A million readings have about 150 MB: more is no recording of a home. */
const MAX_BYTES = 512 * 1024 * 1024
const NOT_ALLOWED = 'this user may not use it. Run the command as the user that owns it, or name another file'
const PROBLEMS: Record<string, string> = {
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: 'its disk can only be read. Name a file elsewhere',
  ENOSPC: 'the disk is full. Name a file elsewhere',
  ENAMETOOLONG: 'its name is too long',
}

/** Throws a sentence that names the file as it was typed. */
export function readRecording(file: string): Recording {
  const text = orSentence(file, () => {
    const { isFolder, bytes } = look(file) ?? missing(file)
    if (isFolder) throw new Error(`${file} is a folder: name the recording in it.`)
    if (bytes > MAX_BYTES) throw new Error(`${file} is too long for a recording.`)
    return readFileSync(file, 'utf8')
  })
  return parseRecording(text, file)
}

/** Throws a sentence when no recording can be written there; call it before long work. */
export function checkPlace(file: string): void {
  orSentence(file, () => {
    if (look(file)?.isFolder === true) throw new Error(`${file} is a folder: name a file in it, or another one.`)
    const folder = dirname(file)
    if (look(folder)?.isFolder !== true)
      throw new Error(`There is no folder ${folder}: make it, or name a file elsewhere.`)
  })
}

/** Replaces what has that name. Throws a sentence that names the file as it was typed. */
export function writeRecording(file: string, recording: Recording): void {
  checkPlace(file)
  const text = recordingText(recording)
  orSentence(file, () => replaceFile(file, text))
}

function look(path: string): { isFolder: boolean; bytes: number } | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && { isFolder: found.isDirectory(), bytes: found.size }
}

function missing(file: string): never {
  throw new Error(`There is no file ${file}: name another one, or make a recording with \`adept sim record ${file}\`.`)
}

/** What a failed file operation means, in a sentence about the file that was typed. */
function orSentence<Value>(file: string, use: () => Value): Value {
  try {
    return use()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Error(`${file} cannot be used: ${PROBLEMS[code] ?? `the system says ${code}`}.`, { cause: error })
  }
}
