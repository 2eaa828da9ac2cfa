import { randomBytes, scryptSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import type { Keyring } from '../chain/keys.ts'
import { systemClock } from '../lib/clock.ts'
import { replaceFile } from '../lib/files.ts'
import { ownVersion } from '../lib/version.ts'
import { makeBackup, readBackup, restoreCopy, restoreDatabase } from '../store/backup.ts'
import { copiesOf, noteBackup } from '../store/damage.ts'
import { lockFolder } from '../store/lock.ts'
import { CliError, type Context, contextOf } from './client.ts'

/** Of the data folder, beside the database; `node.json` and `gateway.json` tell of processes that run. */
const FILES = [
  'adept.yaml',
  'rules.yaml',
  'token',
  'master.key',
  'chain/state.json',
  'chain/blocks.jsonl',
  'chain/node-id',
]
const FOLDERS = ['keys', 'tls', 'bridge']
/** Made by whoever takes a data folder (store/lock.ts). */
const LOCK_FILE = 'lock.db'
/** The state of the chain and its blocks since then are two files, kept in turn; they fit when the state stayed the same. */
const CHAIN_TRIES = 5
const MIN_PASSPHRASE_CHARACTERS = 8
/** 64 MiB and about a quarter of a second for each guess. */
const SCRYPT = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 }

const PASSPHRASE_OPTION = ['--passphrase-file <path>', 'a file with the passphrase in its first line'] as const
const label = (name: string) => `backup ${name}`

export function backupCommand(): Command {
  return new Command('backup')
    .description('copy the whole gateway into one file, also while it runs; keys and settings in it are encrypted')
    .addHelpText(
      'after',
      `
With it go the pairings of the serial bridge. A shop of your own (\`npm run merchant\`, ~/.adept-shop) is not in it: copy its folder
while it is stopped.`,
    )
    .argument('<file>', 'the backup; what has that name is replaced')
    .requiredOption(...PASSPHRASE_OPTION)
    .action(async (file: string, options: { passphraseFile: string }, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const database = join(dataFolder, 'gateway.db')
      if (!existsSync(database))
        throw new CliError(`There is no gateway in ${dataFolder}. Name its folder with --data.`)
      const salt = randomBytes(16)
      const keyring = await keyringOf(options.passphraseFile, salt)
      const target = resolve(file)
      const madeAtMs = systemClock.nowMs()
      makeBackup(database, target, { program: ownVersion(), madeAtMs, salt: salt.toString('hex') }, () =>
        readFolder(dataFolder).map(({ name, bytes }) => ({ name, sealed: keyring.seal(bytes, label(name)) })),
      )
      try {
        noteBackup(dataFolder, { file: target, madeAtMs })
      } catch {
        // On a full disk the backup is no worse for that.
      }
      const bytes = statSync(target).size
      print(
        { file: target, bytes, madeAtMs },
        `The gateway in ${dataFolder} is copied to ${target} (${Math.ceil(bytes / 2 ** 20)} MiB). Keep the passphrase elsewhere: without it the backup is worth nothing.`,
      )
    })
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('make a gateway of a backup, in a new data folder; or go back to the copy that an update left')
    .argument('<file>', 'the backup, or a copy of the database in its own data folder')
    .option(...PASSPHRASE_OPTION)
    .addHelpText(
      'after',
      `
It buys nothing before you have confirmed each device again, for it does not know what was ordered after the backup. Never run
the old gateway and the restored one at the same time.`,
    )
    .action(async (file: string, options: { passphraseFile?: string }, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const database = join(dataFolder, 'gateway.db')
      const copy = existsSync(dataFolder) ? copiesOf(database).find((one) => one.file === resolve(file)) : undefined
      if (copy !== undefined) return goBackTo(copy, dataFolder, print)
      if (options.passphraseFile === undefined)
        throw new CliError('A backup is opened with its passphrase: add --passphrase-file <path>.')
      if (existsSync(dataFolder) && readdirSync(dataFolder).some((name) => !name.startsWith(LOCK_FILE))) {
        throw new CliError(
          `${dataFolder} is not empty. Name a new or empty folder with --data, and move the old gateway away.`,
        )
      }
      const { info, files } = readBackup(resolve(file))
      const keyring = await keyringOf(options.passphraseFile, Buffer.from(info.salt, 'hex'))
      const opened = files.map(({ name, sealed }) => ({ name, bytes: openSealed(keyring, name, sealed) }))
      mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
      const lock = lockFolder(dataFolder, 'A gateway')
      try {
        for (const { name, bytes } of opened) {
          mkdirSync(dirname(join(dataFolder, name)), { recursive: true, mode: 0o700 })
          replaceFile(join(dataFolder, name), bytes)
        }
        const dropped = restoreDatabase(resolve(file), database, info.madeAtMs, systemClock.nowMs())
        const made = new Date(info.madeAtMs).toLocaleString('sv-SE')
        print(
          { dataFolder, madeAtMs: info.madeAtMs, program: info.program, ordersDropped: dropped },
          [
            `The gateway of ${made} is restored in ${dataFolder}; ${dropped} ${dropped === 1 ? 'order that was' : 'orders that were'} not placed yet ${dropped === 1 ? 'is' : 'are'} given up.`,
            'It buys nothing yet. Start it with `adept start`, look at `adept audit`, then `adept device confirm` each device.',
          ].join('\n'),
        )
      } catch (error) {
        // It was empty: what is half done would only stand in the way of the next try.
        for (const name of readdirSync(dataFolder)) {
          if (!name.startsWith(LOCK_FILE)) rmSync(join(dataFolder, name), { recursive: true })
        }
        throw error
      } finally {
        lock.release()
      }
    })
}

/** In place of a damaged database, which stays beside it; keys and settings are those of today. */
function goBackTo(copy: { file: string; madeAtMs: number }, dataFolder: string, print: Context['print']): void {
  const lock = lockFolder(dataFolder, 'A gateway')
  try {
    const { aside, dropped } = restoreCopy(copy, join(dataFolder, 'gateway.db'), systemClock.nowMs())
    const made = new Date(copy.madeAtMs).toLocaleString('sv-SE')
    print(
      { dataFolder, madeAtMs: copy.madeAtMs, ordersDropped: dropped, aside },
      [
        `The database of ${made} is back in ${dataFolder}; the one before is kept as ${aside}. Orders given up: ${dropped}.`,
        'It buys nothing yet. Start it with `adept start`, look at `adept audit`, then `adept device confirm` each device.',
      ].join('\n'),
    )
  } finally {
    lock.release()
  }
}

/** The files of a data folder that are there. */
function readFolder(dataFolder: string): { name: string; bytes: Buffer }[] {
  const stateFile = join(dataFolder, 'chain', 'state.json')
  const version = () => statSync(stateFile, { throwIfNoEntry: false })?.mtimeMs
  for (let tries = 1; ; tries++) {
    const before = version()
    const names = [
      ...FILES,
      ...FOLDERS.flatMap((folder) => {
        const path = join(dataFolder, folder)
        if (!existsSync(path)) return []
        const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile())
        return files.map(({ name }) => `${folder}/${name}`)
      }),
    ].filter((name) => existsSync(join(dataFolder, name)))
    const files = names.map((name) => ({ name, bytes: readFileSync(join(dataFolder, name)) }))
    if (version() === before) return files
    if (tries === CHAIN_TRIES) throw new CliError('The chain is too busy to be copied. Try it again in a minute.')
  }
}

async function keyringOf(passphraseFile: string, salt: Uint8Array): Promise<Keyring> {
  const [passphrase = ''] = readFileSync(passphraseFile, 'utf8').split(/\r?\n/)
  if (passphrase.length < MIN_PASSPHRASE_CHARACTERS) {
    throw new CliError(
      `The first line of ${passphraseFile} has ${passphrase.length} characters: a passphrase has at least ${MIN_PASSPHRASE_CHARACTERS}.`,
    )
  }
  // Loads the cryptography of the chain, which other commands need not wait for.
  const { Keyring } = await import('../chain/keys.ts')
  return new Keyring(scryptSync(passphrase.normalize(), salt, 32, SCRYPT), '')
}

function openSealed(keyring: Keyring, name: string, sealed: Uint8Array): Uint8Array {
  const [folder = '', file = '', ...deeper] = name.split('/')
  const isOurs = FILES.includes(name) || (FOLDERS.includes(folder) && /^[\w.-]+$/.test(file) && deeper.length === 0)
  if (!isOurs || file === '..') throw new CliError(`The backup holds ${name}, which is no file of a gateway.`)
  try {
    return keyring.open(sealed, label(name))
  } catch {
    throw new CliError('The passphrase is not that of this backup, or the backup was changed.')
  }
}
