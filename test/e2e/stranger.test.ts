import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { installSentence, missingDebianPackages } from '../support/debian.ts'
import { HomeProcesses } from '../support/home-processes.ts'

const run = promisify(execFile)
const GTIN = '04006381333931'
let home: HomeProcesses

beforeAll(async () => {
  const missing = missingDebianPackages()
  if (missing.length > 0) throw new Error(installSentence(missing))
  home = await HomeProcesses.start()
})
afterAll(() => home?.close())

/** `adept …` as the README has it. */
async function adept(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['gateway/cli/adept.mjs', ...args, '--data', home.folder])
  return stdout
}
const orders = async () => JSON.parse(await adept('orders', '--json')) as { orderId: string; state: string }[]

it("serves a stranger's client: Debian's mosquitto_pub runs low, buys, refills, and the order completes", async () => {
  const { password } = JSON.parse(await adept('device', 'add', 'washer-1', '--json')) as { password: string }
  const publish = (name: string, message: unknown, ...options: string[]) =>
    run('mosquitto_pub', [
      ...['-h', '127.0.0.1', '-p', String(home.running.mqttPort), '-i', 'washer-1', '-u', 'washer-1', '-P', password],
      ...['-q', '1', '-t', `adept/v1/washer-1/${name}`, '-m', JSON.stringify(message), ...options],
    ])
  let seq = 0
  const level = (remaining: number, measuredAtMs: number) =>
    publish('consumable', { session: 'b1', seq: seq++, measuredAtMs, slot: 'detergent', remaining, unit: 'ml' })

  await publish(
    'description',
    {
      maker: 'Samsung',
      model: 'W9000',
      slots: [
        { slot: 'detergent', unit: 'ml', capacity: 1400, replacementProducts: [{ type: 'gtin14', value: GTIN }] },
      ],
    },
    '-r',
  )
  await adept('mandate', 'sign', 'washer-1', '--cooling-off', '0s', '--seller', home.shopUrl, '--yes')
  await adept('device', 'confirm', 'washer-1', '--mode', 'auto')
  const nowMs = Date.now()
  for (const [hoursAgo, remaining] of [
    [36, 1400],
    [24, 1000],
    [12, 600],
    [0, 250],
  ] as const) {
    await level(remaining, nowMs - hoursAgo * 3_600_000)
  }
  const [order] = await home.until(orders, ([first]) => first?.state === 'shipped')
  await level(1400, Date.now())
  expect(await adept('order', 'received', order!.orderId)).toContain('seller is paid')

  const ended = await home.until(orders, ([first]) => first?.state === 'completed')
  expect(ended).toHaveLength(1)
  expect(await adept('feed')).toContain('is complete')
  expect(await adept('order', order!.orderId.slice(0, 8))).toContain('The seller was paid 12.49 TUSD')
})

it('disconnects a wrong password and keeps nothing of it', async () => {
  const attempt = run('mosquitto_pub', [
    ...['-h', '127.0.0.1', '-p', String(home.running.mqttPort), '-i', 'washer-1', '-u', 'washer-1', '-P', 'guess'],
    ...['-q', '1', '-t', 'adept/v1/washer-1/consumable', '-m', '{}'],
  ])
  await expect(attempt).rejects.toThrow(/bad user name or password/)
})

it('keeps its readings, orders and money over a clean stop', async () => {
  const before = await orders()
  const { chain, payer } = await home.api<{ chain: unknown; payer: { balanceText: string } }>('/v1/status')
  await home.gateway.stop()
  await home.startGateway()
  expect(await orders()).toEqual(before)
  const after = await home.api<{ chain: unknown; payer: { balanceText: string } }>('/v1/status')
  expect(after.chain).toEqual(chain)
  expect(after.payer.balanceText).toBe(payer.balanceText)
})
