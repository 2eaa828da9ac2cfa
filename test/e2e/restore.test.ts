import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { topicOf } from '../../gateway/wire/topics.ts'
import { HomeProcesses } from '../support/home-processes.ts'

const GTIN = '04006381333931'
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

let home: HomeProcesses
let folder: string
let client: MqttClient
let password: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'adept-restore-'))
  home = await HomeProcesses.start()
})
afterAll(async () => {
  await client?.endAsync(true)
  await home?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function adept(...args: string[]): Promise<{ code: number; out: string }> {
  const command = [process.execPath, ['gateway/cli/adept.mjs', ...args]] as const
  const data = args.includes('--data') ? [] : ['--data', home.folder]
  return await promisify(execFile)(command[0], [...command[1], ...data]).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: error.stdout + error.stderr,
    }),
  )
}
const json = async <Answer>(...args: string[]) => JSON.parse((await adept(...args, '--json')).out) as Answer
const orders = () => json<{ orderId: string; state: string }[]>('orders')
async function joinBroker(): Promise<void> {
  client = await connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
    ...{ protocolVersion: 4, clientId: 'washer-1', username: 'washer-1', password, reconnectPeriod: 0 },
  })
}
const publish = (name: 'description' | 'consumable', message: object) =>
  client.publishAsync(topicOf('washer-1', name), JSON.stringify(message), { qos: 1, retain: name === 'description' })
async function levels(session: string, ...remaining: number[]): Promise<void> {
  for (const [seq, each] of remaining.entries()) {
    const measuredAtMs = Date.now() - (remaining.length - 1 - seq) * HOUR_MS
    await publish('consumable', { session, seq, measuredAtMs, slot: 'detergent', remaining: each, unit: 'ml' })
  }
}

it('a gateway that is restored from before an order neither places it again nor uses a nonce twice', async () => {
  password = (await json<{ password: string }>('device', 'add', 'washer-1')).password
  await joinBroker()
  const slot = { slot: 'detergent', unit: 'ml', capacity: 1400, replacementProducts: [{ type: 'gtin14', value: GTIN }] }
  await publish('description', { maker: 'Samsung', model: 'W9000', slots: [slot] })
  await adept('mandate', 'sign', 'washer-1', '--cooling-off', '0s', '--seller', home.shopUrl, '--yes')
  await home.until(
    () => json<{ state: string }[]>('mandate', 'show'),
    ([mandate]) => mandate?.state === 'granted',
  )
  await adept('device', 'confirm', 'washer-1', '--mode', 'auto')
  await levels('b1', 1400, 1000, 600)

  const passphrase = join(folder, 'passphrase')
  writeFileSync(passphrase, 'correct horse battery\n')
  const backup = join(folder, 'home.backup')
  expect(await adept('backup', backup, '--passphrase-file', passphrase)).toMatchObject({ code: 0 })

  await publish('consumable', { session: 'b1', seq: 3, slot: 'detergent', remaining: 250, unit: 'ml' })
  const [order] = await home.until(orders, ([first]) => first?.state === 'shipped')
  expect(await adept('audit')).toMatchObject({ code: 0, out: expect.stringContaining('1 payment and 1 mandate agree') })

  // The machine is lost; the chain is not.
  await client.endAsync(true)
  await home.gateway.stop()
  const restored = join(folder, 'restored')
  expect(await adept('restore', backup, '--passphrase-file', passphrase, '--data', restored)).toMatchObject({ code: 0 })
  for (const name of readdirSync(home.folder)) {
    if (name !== 'chain' && name !== 'shop') rmSync(join(home.folder, name), { recursive: true })
  }
  rmSync(join(restored, 'chain'), { recursive: true })
  cpSync(restored, home.folder, { recursive: true })
  await home.startGateway()

  await joinBroker()
  await levels('b2', 600, 400, 200)
  const explained = () => json<{ now: { reasons: string[] }; stock: string }>('rules', 'explain', 'washer-1/detergent')
  const { now } = await home.until(explained, ({ stock }) => stock?.startsWith('200 ml'))
  expect(now.reasons.join(' ')).toContain('restored from a backup')
  expect(await orders()).toEqual([])
  expect(await adept('audit')).toMatchObject({
    code: 1,
    out: expect.stringMatching(/has seen its authorization 1, the database only 0/),
  })

  // Even with the owner's yes the mandate allows no second order while the first is open: it waits, and its quote lapses.
  await adept('device', 'confirm', 'washer-1', '--mode', 'auto')
  const [second] = await home.until(
    async () => waiting(),
    ([first]) => first !== undefined,
  )
  expect(second!.orderId).not.toBe(order!.orderId)
  expect(await adept('audit')).toMatchObject({
    code: 1,
    out: expect.stringMatching(/has seen its authorization 1, the database only 0/),
  })
})

/** Orders with a quote that were looked at and put off for less than the quote holds. */
function waiting(): { orderId: string }[] {
  const db = new Database(join(home.folder, 'gateway.db'), { readonly: true })
  try {
    const putOff = `SELECT order_id AS orderId FROM orders WHERE state = 'quoted' AND next_at_ms BETWEEN ? AND ?`
    return db.prepare<[number, number], { orderId: string }>(putOff).all(Date.now(), Date.now() + MINUTE_MS)
  } finally {
    db.close()
  }
}
