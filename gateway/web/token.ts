import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const TOKEN_BYTES = 32

/** Where the API's bearer token lies; who can read this file may do all that the homeowner can. */
export function tokenFile(dataFolder: string): string {
  return join(dataFolder, 'token')
}

/** Reads the token, made the first time (mode 0600). Throws a sentence when other users of the machine may read it. */
export function openToken(dataFolder: string): string {
  const file = tokenFile(dataFolder)
  if (!existsSync(file)) {
    writeFileSync(file, `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  }
  // Windows has no such modes.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new Error(`Other users of this machine may read ${file}. Run: chmod 600 ${file}`)
  }
  const token = readFileSync(file, 'utf8').trim()
  if (token.length < TOKEN_BYTES) throw new Error(`${file} holds no token. Delete it; the next start makes a new one.`)
  return token
}
