import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openDatabase } from '../../gateway/store/database.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())
const { run: adept } = adeptOn(() => gateway.dataFolder)

type Answer = { wrong: number; checks: { check: string; state: string; text: string }[] }
async function examine(...args: string[]): Promise<Answer & { code: number | null }> {
  const { code, out } = await adept('doctor', '--json', ...args)
  return { code, ...(JSON.parse(out) as Answer) }
}
const about = (answer: Answer, check: string) => answer.checks.filter((finding) => finding.check === check)
const found = (state: string, pattern: RegExp) => [
  expect.objectContaining({ state, text: expect.stringMatching(pattern) }),
]

test('a sound gateway has nothing wrong, and what one may want so is shown', async () => {
  const { code, out, err } = await adept('doctor')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^ok {5}gateway {8}It runs/)
  expect(out).toMatch(/^ok {5}database .* it is sound\.$/m)
  expect(out).toMatch(/^look {3}time zone .*home\.timeZone/m)
  expect(out).toMatch(/Nothing is wrong\.\n$/)
})

test('a device that may buy without a mandate that holds is named, with what became of the last one', async () => {
  const { db } = gateway
  const nowSeconds = Math.floor(Date.now() / 1000)
  const mandate = async (
    deviceId: string,
    state: string,
    { endSeconds = nowSeconds + 30 * 86_400, fault = '' } = {},
  ) => {
    await gateway.call('/v1/devices', { deviceId })
    db.prepare(
      `INSERT OR IGNORE INTO slots (device_id, slot, mode, confirmed_at_ms) VALUES (?, 'detergent', 'auto', 1)`,
    ).run(deviceId)
    db.prepare(
      `INSERT INTO mandates (mandate_hash, home_id, device_id, file, seller_url, payer_signature, state, created_at_ms, fault)
       SELECT 'mandate ' || count(*), (SELECT home_id FROM homes), ?, ?, 'http://127.0.0.1:9', '0x', ?, count(*), ? FROM mandates`,
    ).run(deviceId, fault === '' ? JSON.stringify({ mandate: { end: endSeconds } }) : 'damaged', state, fault)
  }
  await mandate('passed-on', 'granted', { endSeconds: nowSeconds - 60 })
  await mandate('passed-on', 'ended')
  await mandate('revoked', 'revoked')
  await mandate('expired', 'granted', { endSeconds: nowSeconds - 60 })
  await mandate('nearly', 'granted', { endSeconds: nowSeconds + 86_400 })
  await mandate('unsent', 'signed')
  await mandate('damaged', 'granted', { fault: 'The stored mandate 0x12 of damaged cannot be read.' })
  await mandate('renewed', 'revoked')
  await mandate('renewed', 'granted')
  await mandate('renewed', 'ended')
  const findings = about(await examine(), 'mandates').map(({ state, text }) => `${state}: ${text}`)
  expect(findings).toEqual([
    expect.stringMatching(
      /^wrong: damaged may buy, .* 0x12 of damaged cannot be read\. Sign one with `adept mandate sign/,
    ),
    expect.stringMatching(/^wrong: The mandate of expired ended at .*`adept device confirm expired --mode notify`/),
    expect.stringMatching(/^look: The mandate of nearly ends at /),
    expect.stringMatching(
      /^wrong: passed-on may buy, but .* a new owner or a new key .*`adept mandate sign passed-on`/,
    ),
    expect.stringMatching(/^wrong: revoked may buy, but its mandate is revoked\./),
    expect.stringMatching(/^look: The mandate of unsent is signed and not on the chain yet/),
  ])
})

test('what is wrong ends with 1, each in a line that says what to do', async () => {
  gateway.hindered.chain = new Error('No chain answers at 127.0.0.1:8545.')
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const { db } = gateway
  db.prepare(
    `INSERT INTO slots (device_id, slot, mode, confirmed_at_ms) VALUES ('washer', 'detergent', 'auto', 1)`,
  ).run()
  db.prepare(
    `INSERT INTO transactions (tx_hash, sender, nonce, purpose, raw, state, created_at_ms)
     VALUES ('0x01', '0xaa', 0, 'authorize', '0x', 'sent', 0)`,
  ).run()
  db.prepare(
    `INSERT INTO readings (session_key, seq, kind, measured_at_ms, gateway_time, received_at_ms, body)
     VALUES (1, 1, 1, 0, 0, ?, '{}')`,
  ).run(Date.now() + 3_600_000)
  writeFileSync(
    join(gateway.dataFolder, 'adept.yaml'),
    'home: { timeZone: Europe/Berlin }\nmqtt: { host: 0.0.0.0, allowPlainText: true }\n' +
      'notify:\n  { webhookUrl: "http://127.0.0.1:9/secret", aliveUrl: "http://127.0.0.1:9/secret",\n' +
      '    statusBroker: { url: "mqtt://127.0.0.1:9", password: secret } }\n',
  )
  gateway.tell('low', 'Low.')
  db.prepare(
    `INSERT INTO deliveries (notification_id, channel, attempts) SELECT notification_id, 'webhook', 3 FROM notifications`,
  ).run()

  const answer = await examine()
  expect(answer).toMatchObject({ code: 1, wrong: 6 })
  expect(about(answer, 'gateway')).toEqual(found('wrong', /Not ready: chain: No chain answers/))
  expect(about(answer, 'clock')).toEqual(found('wrong', /set back/))
  expect(about(answer, 'plain text')).toEqual(found('look', /mqtt:\/\/0\.0\.0\.0:1883 is plain text/))
  expect(about(answer, 'mandates')).toEqual(found('wrong', /washer may buy.*adept mandate sign washer/))
  expect(about(answer, 'transactions')).toEqual(found('wrong', /1 wait.*1970-01-01/))
  expect(about(answer, 'notifications')).toEqual(found('wrong', /to 127\.0\.0\.1:9\. /))
  expect(about(answer, 'sign of life')).toEqual([
    ...found('ok', /^127\.0\.0\.1:9 is asked every 5 min/),
    ...found('wrong', /^127\.0\.0\.1:9 does not let the gateway in \(.*connect.*correct notify\.statusBroker/),
  ])
  expect(about(answer, 'backup')).toEqual(found('look', /adept backup/))
  expect(about(answer, 'time zone')).toEqual(found('ok', /Berlin/))
  expect(JSON.stringify(answer)).not.toMatch(/secret/)
})

test('without a running gateway it looks at the ports, the chain and a damaged database itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'adept-doctor-'))
  const other = createServer()
  try {
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    expect(await adept('doctor', '--data', folder)).toMatchObject({ code: 1, err: expect.stringMatching(/adept init/) })
    expect(await adept('init', '--data', folder)).toMatchObject({ code: 0 })
    writeFileSync(
      join(folder, 'adept.yaml'),
      `mqtt: { port: ${port}, tls: { port: 0 } }\nhttp: { port: 0 }\nseller: { url: "http://127.0.0.1:1" }\n` +
        `chain: { kind: rpc, rpcUrl: "http://127.0.0.1:1", chainId: 1, escrow: "0x${'1'.repeat(40)}", token: "0x${'2'.repeat(40)}" }\n`,
    )
    const fresh = await examine('--data', folder)
    expect(fresh).toMatchObject({ code: 1, wrong: 2 })
    expect(about(fresh, 'gateway')).toEqual(found('look', /adept start/))
    expect(about(fresh, 'database')).toEqual(found('ok', /first start/))
    expect(about(fresh, 'ports')).toEqual(found('wrong', new RegExp(`Another program has 127.0.0.1:${port}`)))
    expect(about(fresh, 'chain')).toEqual(found('wrong', /No chain answers at 127.0.0.1:1/))
    expect(about(fresh, 'seller')).toEqual(found('look', /cannot be asked/))
    expect(about(fresh, 'certificates')).toEqual(found('ok', /server\.pem is made/))

    const file = join(folder, 'gateway.db')
    const db = openDatabase(file, 'gateway')
    db.pragma('locking_mode = EXCLUSIVE')
    db.exec('BEGIN IMMEDIATE; DELETE FROM homes; COMMIT')
    const busy = await examine('--data', folder)
    expect(about(busy, 'database')).toEqual(found('wrong', /Another program holds/))
    expect(about(busy, 'mandates')).toEqual([])
    db.close()
    const descriptor = openSync(file, 'r+')
    writeSync(descriptor, Buffer.alloc(4_096, 0xff), 0, 4_096, 4_096 * 3)
    closeSync(descriptor)
    expect(about(await examine('--data', folder), 'database')).toEqual(found('wrong', /damaged.*restore/))

    writeFileSync(file, 'this is no database, but some text that somebody put there')
    const damaged = about(await examine('--data', folder), 'database')
    expect(damaged).toEqual(found('wrong', /damaged.*restore/))
  } finally {
    other.close()
    rmSync(folder, { recursive: true })
  }
})
