import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { leadVirtualTime } from '../../device-sim/time-leader.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import type { MandateFile, Terms } from '../../gateway/domain/mandate.ts'
import { joinVirtualTime } from '../../gateway/lib/virtual-time.ts'
import type { Merchant } from '../../gateway/merchant/main.ts'
import { sellerClient } from '../../gateway/orders/seller-client.ts'
import { DETERGENT, type Market, openMarket, openShop } from './market.ts'

const MAIN = join(import.meta.dirname, '../../gateway/merchant/main.ts')
const seller = sellerClient()
let market: Market
beforeAll(async () => {
  market = await openMarket()
}, 60_000)
afterAll(() => market?.close())

const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) await end(child, 'SIGKILL')
})

type Started = { child: ChildProcess; url: string; address: Address; stderr(): string }

function run(flags: string[]): { child: ChildProcess; stdout(): string; stderr(): string } {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const text = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk: Buffer) => {
    text.stdout += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    text.stderr += chunk
  })
  return { child, stdout: () => text.stdout, stderr: () => text.stderr }
}

async function start(name: string, flags: string[] = ['--port', '0']): Promise<Started> {
  const data = join(market.folder, name)
  const { child, stdout, stderr } = run(['--data', data, '--gateway-data', market.folder, '--json', ...flags])
  await expect.poll(() => stdout().includes('\n') || child.exitCode !== null, { timeout: 30_000 }).toBe(true)
  if (child.exitCode !== null) throw new Error(stderr())
  const { url, address } = JSON.parse(stdout()) as { url: string; address: Address }
  return { child, url, address, stderr }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal)
    await once(child, 'exit')
  }
  return child.exitCode
}

async function order(shop: { url: string }, mandate: MandateFile): Promise<Terms> {
  const answer = await seller.quote(shop.url, market.requestFor(DETERGENT))
  if (answer.kind !== 'quoted') throw new Error(JSON.stringify(answer))
  const terms = await market.authorize(mandate, answer.signed)
  const told = await seller.tell(shop.url, { kind: 'order', signedQuote: answer.signed, terms })
  if (told.kind !== 'acknowledged') throw new Error(told.reason)
  return terms
}

test('says what it can do, and what is missing', async () => {
  const help = run(['--help'])
  await once(help.child, 'close')
  expect(help.stdout()).toContain('--gateway-data <folder>')
  for (const [flags, says] of [
    [['--data', market.folder, '--chain-id', '1'], 'Say which chain'],
    [['--data', market.folder, '--gateway-data', market.folder, '--port', '70000'], 'from 0 to 65535'],
    [['--data', market.folder, '--gateway-data', market.folder, '--catalogue', 'nowhere.yaml'], 'cannot be read'],
  ] as const) {
    const wrong = run([...flags])
    const [code] = await once(wrong.child, 'close')
    expect(code).toBe(1)
    expect(wrong.stderr()).toContain(says)
    expect(wrong.stderr()).not.toContain('    at ')
  }
}, 60_000)

test('killed with orders under way, it finishes them after its restart, and SIGTERM stops it cleanly', async () => {
  let shop = await start('killed')
  const mandate = await market.grantMandate([shop.address], 0)
  const terms: Terms[] = []
  for (let round = 0; round < 3; round++) {
    terms.push(await order(shop, mandate))
    await end(shop.child, 'SIGKILL')
    shop = await start('killed')
  }
  for (const each of terms) {
    await expect.poll(async () => (await market.chain.hold(each)).state, { timeout: 30_000 }).toBe('shipped')
  }
  const startedAtMs = performance.now()
  expect(await end(shop.child, 'SIGTERM')).toBe(0)
  expect(performance.now() - startedAtMs).toBeLessThan(5_000)
  expect(shop.stderr()).not.toContain('"level":50')
}, 60_000)

test('a port that is taken is a sentence', async () => {
  const shop = await start('taken')
  const { port } = new URL(shop.url)
  await expect(start('taken-too', ['--port', port])).rejects.toThrow(`Port ${port} is taken`)
}, 60_000)

test('follows virtual time through a day of cooling off', async () => {
  const startMs = Date.parse('2030-01-01T00:00:00Z')
  const virtual = await openMarket({ virtualTimeSeconds: startMs / 1000 })
  const socket = join(virtual.folder, 'time.sock')
  const leader = await leadVirtualTime(socket, startMs)
  const home = await joinVirtualTime(socket, 'gateway')
  let shop: Merchant | undefined
  try {
    shop = await openShop(virtual, 'shop', { timeSocket: socket })
    home.follow({
      scheduler: { drain: async () => ({ worked: false }) },
      onTime: (nowMs) => virtual.setTime(Math.floor(nowMs / 1000)),
      onLost: () => undefined,
    })
    await leader.waitForFollowers(2, 5_000)
    await leader.settle()
    const mandate = await virtual.grantMandate([shop.address], 86_400)
    const answer = await seller.quote(shop.url, virtual.requestFor(DETERGENT))
    if (answer.kind !== 'quoted') throw new Error(JSON.stringify(answer))
    const terms = await virtual.authorize(mandate, answer.signed)
    await seller.tell(shop.url, { kind: 'order', signedQuote: answer.signed, terms })

    await leader.advanceTo(startMs + 86_399_000)
    expect((await virtual.chain.hold(terms)).state).toBe('authorized')
    await leader.advanceTo(startMs + 86_410_000)
    expect(await virtual.chain.hold(terms)).toMatchObject({ state: 'shipped' })
  } finally {
    await shop?.stop()
    home.close()
    await leader.close()
    await virtual.close()
  }
}, 60_000)
