import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { rotatingFile } from '../../gateway/lib/rotating-file.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'))
  file = join(folder, 'gateway.log')
})
afterEach(() => rmSync(folder, { recursive: true }))

const never = (sentence: string) => expect.unreachable(sentence)
const text = (age?: number) => readFileSync(age === undefined ? file : `${file}.${age}`, 'utf8')

it('renames what is full, keeps four files before it, and goes on with what is there', () => {
  const log = rotatingFile(file, 20, never)
  for (let line = 0; line < 12; line++) log.write(`line ${line}\n`.padStart(10, '0'))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(text()).toBe('00line 10\n00line 11\n')
  expect(text(1)).toBe('000line 8\n000line 9\n')
  expect(text(4)).toBe('000line 2\n000line 3\n')
  expect(existsSync(`${file}.5`)).toBe(false)
  rotatingFile(file, 20, never).write('again\n')
  expect(text()).toMatch(/again\n$/)
})

it('takes a line longer than the bound whole', () => {
  const log = rotatingFile(file, 20, never)
  log.write(`${'x'.repeat(100)}\n`)
  log.write('next\n')
  expect(text(1)).toHaveLength(101)
  expect(text()).toBe('next\n')
})

it('loses lines rather than the program when nothing can be written, and says so once', () => {
  // Every write to it fails as on a full disk.
  symlinkSync('/dev/full', file)
  const problems: string[] = []
  const log = rotatingFile(file, 1_000, (sentence) => problems.push(sentence))
  log.write('a\n')
  log.write('b\n')
  expect(problems).toEqual([expect.stringMatching(/^Lines of the log are lost: ENOSPC/)])
})
