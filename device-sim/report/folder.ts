import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { htmlText } from './html.ts'
import { jsonReport } from './json.ts'
import { junitText } from './junit.ts'
import type { Report } from './report.ts'

const PROBLEMS: Record<string, string> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOENT: 'there is no such place, and it cannot be made',
  EROFS: 'it lies on a disk that can only be read',
  EEXIST: 'it is a file, and reports go into a folder',
  ENOTDIR: 'a part of it is a file',
  EISDIR: 'a folder in it has the name of a report',
  ENOSPC: 'the disk is full',
}

/** Makes the folder for the reports. Gives a sentence when it cannot be made or written. */
export function openFolder(folder: string): string | undefined {
  return problemOf(folder, () => {
    makeFolder(folder)
    accessSync(folder, constants.W_OK | constants.X_OK)
  })
}

/** With those that it lies in. Node's own way never ends in /proc. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder))
  mkdirSync(folder)
}

/** Writes `report.html`, `junit.xml` and `report.json`. Gives a sentence when that fails. */
export function writeReports(folder: string, report: Report): string | undefined {
  return problemOf(folder, () => {
    writeFileSync(join(folder, 'report.html'), htmlText(report))
    writeFileSync(join(folder, 'junit.xml'), junitText(report))
    writeFileSync(join(folder, 'report.json'), `${JSON.stringify(jsonReport(report), null, 2)}\n`)
  })
}

function problemOf(folder: string, work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return `The reports cannot be written to --report ${folder}: ${PROBLEMS[code ?? ''] ?? message}.`
  }
}
