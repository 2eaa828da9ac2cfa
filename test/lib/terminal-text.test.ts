import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileProblem } from '../../gateway/lib/file-problem.ts'
import { printable } from '../../gateway/lib/printable.ts'

it('makes sentences of the errors of files, and only of those', () => {
  const folder = mkdtempSync(join(tmpdir(), 'file-problem-'))
  try {
    writeFileSync(join(folder, 'file'), '')
    const problem = (path: string) => {
      try {
        return readFileSync(path)
      } catch (error) {
        return fileProblem(error)
      }
    }
    expect(problem(join(folder, 'file', 'token'))).toMatch(/file\/token cannot be used: .* is a file/)
    expect(problem(join(folder, 'none'))).toMatch(/does not exist/)
  } finally {
    rmSync(folder, { recursive: true })
  }
  const denied = Object.assign(new Error('EACCES'), { code: 'EACCES', path: '/home/ada/.adept/token' })
  expect(fileProblem(denied)).toMatch(/^\/home\/ada\/.adept\/token cannot be used: this user may not/)
  expect(fileProblem(new Error('other'))).toBeUndefined()
})

it('lets no text of a stranger move the cursor', () => {
  expect(printable('plain “é” 🧺\u001b[2J\r\n\u202e')).toBe('plain “é” 🧺\\u{1b}[2J\\u{d}\\n\\u{202e}')
})
