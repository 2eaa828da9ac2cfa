import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openKeyring } from '../../gateway/chain/keys.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
let folder: string
let backup: string
let restored: string
let passphrase: string
beforeEach(async () => {
  gateway = await runGateway()
  folder = mkdtempSync(join(tmpdir(), 'adept-backup-'))
  backup = join(folder, 'home.backup')
  restored = join(folder, 'restored')
  passphrase = join(folder, 'passphrase')
  writeFileSync(passphrase, 'correct horse battery\n')
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(gateway.dataFolder, name, '..'), { recursive: true })
    writeFileSync(join(gateway.dataFolder, name), text)
  }
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await gateway.stop()
})
const FILES = {
  'adept.yaml': 'notify: { webhookUrl: "http://127.0.0.1/secret" }\n',
  'rules.yaml': 'rules: []\n',
  'tls/authority.pem': 'a private key',
  'bridge/boards.json': '{"boards":[]}\n',
  'chain/state.json': '{"state":1}',
  'chain/blocks.jsonl': '{"number":7}\n',
  'chain/node.json': '{"pid":1}',
}
const { run: adept } = adeptOn(() => gateway.dataFolder)
const made = () => adept('backup', backup, '--passphrase-file', passphrase)
const restore = (file = backup, secret = passphrase) =>
  adept('restore', file, '--passphrase-file', secret, '--data', restored)

test('a running gateway is copied whole, with its secrets encrypted, and restored in another folder', async () => {
  writeFileSync(backup, 'the backup before')
  expect(await made()).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringContaining('Keep the passphrase elsewhere'),
  })
  expect(statSync(backup).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder).sort()).toEqual(['home.backup', 'passphrase'])
  const bytes = readFileSync(backup, 'latin1')
  for (const secret of [
    gateway.token,
    'webhookUrl',
    'a private key',
    readFileSync(join(gateway.dataFolder, 'master.key'), 'latin1'),
  ]) {
    expect(bytes).not.toContain(secret)
  }

  // What happens later is not in it.
  await gateway.call('/v1/devices', { deviceId: 'dryer' })
  expect(await restore()).toMatchObject({ code: 0, err: '', out: expect.stringContaining('It buys nothing yet.') })
  for (const name of [
    'token',
    'master.key',
    'adept.yaml',
    'rules.yaml',
    'tls/authority.pem',
    'bridge/boards.json',
    'chain/state.json',
    'chain/blocks.jsonl',
  ]) {
    expect(readFileSync(join(restored, name))).toEqual(readFileSync(join(gateway.dataFolder, name)))
    expect(statSync(join(restored, name)).mode & 0o777).toBe(0o600)
  }
  expect(existsSync(join(restored, 'chain/node.json'))).toBe(false)
  const db = openDatabase(join(restored, 'gateway.db'), 'gateway')
  try {
    const devices = sqliteDeviceStore(db)
    expect((await devices.list('home')).map(({ deviceId }) => deviceId)).toEqual(['washer'])
    const key = openKeyring(restored).openDeviceKey('washer', (await devices.sealedKeyOf('washer'))!)
    expect(key.privateKey).toMatch(/^0x/)
    expect(db.prepare(`SELECT name FROM sqlite_master WHERE name LIKE 'backup%'`).all()).toEqual([])
    expect(db.prepare('SELECT count(*) AS n FROM notifications').get()).toEqual({ n: 1 })
  } finally {
    db.close()
  }
})

test('what cannot be restored is refused with a sentence, and nothing is left behind', async () => {
  await made()
  const other = join(folder, 'other')
  writeFileSync(other, 'another passphrase\n')
  expect(await restore(backup, other)).toMatchObject({
    code: 1,
    err: expect.stringContaining('not that of this backup'),
  })
  writeFileSync(other, 'short\n')
  expect(await restore(backup, other)).toMatchObject({ code: 1, err: expect.stringContaining('at least 8') })
  writeFileSync(other, 'no database at all, but long enough to be looked at')
  expect(await restore(other)).toMatchObject({ code: 1, err: expect.stringContaining('is no backup of a gateway') })
  expect(existsSync(restored)).toBe(false)

  const newer = new Database(backup)
  newer.pragma('user_version = 999')
  newer.close()
  expect(await restore()).toMatchObject({ code: 1, err: expect.stringContaining('schema version 999') })
  expect(readdirSync(restored)).toEqual(['lock.db'])

  expect(await adept('restore', backup, '--passphrase-file', passphrase)).toMatchObject({
    code: 1,
    err: expect.stringContaining('is not empty'),
  })
  expect(await adept('backup', backup, '--passphrase-file', passphrase, '--data', join(folder, 'none'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is no gateway in'),
  })
  expect(await adept('backup', backup)).toMatchObject({ code: 2, err: expect.stringContaining('--passphrase-file') })
})

test('a folder whose database is damaged goes back to the copy that an update left, without its keys being touched', async () => {
  const file = join(restored, 'gateway.db')
  await made()
  await restore()
  const copy = `${file}.v7`
  copyFileSync(file, copy)
  const keys = readFileSync(join(restored, 'master.key'))
  writeFileSync(file, 'damaged')
  writeFileSync(`${file}-wal`, 'its log')
  expect(await adept('restore', copy, '--data', restored)).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringMatching(/is back in .* is kept as .*gateway\.db\.damaged-.*It buys nothing yet/s),
  })
  expect(readFileSync(join(restored, 'master.key'))).toEqual(keys)
  const aside = readdirSync(restored).find((name) => /damaged-[^-]*-[^-]*-[^-]*$/.test(name) && !name.endsWith('-wal'))!
  expect(readFileSync(join(restored, aside), 'utf8')).toBe('damaged')
  expect(existsSync(`${file}-wal`)).toBe(false)
  const db = openDatabase(file, 'gateway')
  expect(db.prepare('SELECT count(*) AS n FROM notifications').get()).toEqual({ n: 2 })
  db.close()

  // A copy that is damaged itself changes nothing.
  writeFileSync(copy, 'no database either, but as long as one has to be, so that somebody looks')
  const before = readFileSync(file)
  expect(await adept('restore', copy, '--data', restored)).toMatchObject({ code: 1 })
  expect(readFileSync(file)).toEqual(before)
  expect(await adept('restore', backup, '--data', join(folder, 'new'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('--passphrase-file'),
  })
})
