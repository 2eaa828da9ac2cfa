import { request } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Merchant } from '../../gateway/merchant/main.ts'
import { DETERGENT, type Market, openMarket, openShop } from './market.ts'

// A real chain on two shared cores: a test takes a second, and ten when others work too.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

let market: Market
let shop: Merchant
beforeAll(async () => {
  market = await openMarket()
  shop = await openShop(market, 'shop')
})
afterAll(async () => {
  await shop?.stop()
  await market?.close()
})

type Raw = { method?: string; path: string; headers?: Record<string, string>; body?: string }
/** Unlike fetch, this may lie about Host and Origin. */
function send({ method = 'POST', path, headers = {}, body }: Raw): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${shop.url}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
const json = { 'content-type': 'application/json' }
const sentence = (part: string) => ({ error: expect.stringContaining(part) })

test.each([
  ['a name that points here (DNS rebinding)', { host: 'evil.example' }, 403],
  ['such a name with our port', { host: 'evil.example:8788' }, 403],
  ['a name that only begins like ours', { host: '127.0.0.1.evil.example' }, 403],
  ['localhost', { host: 'localhost' }, 200],
  ['IPv6 loopback', { host: '[::1]:8788' }, 200],
  ['a page of another origin', { host: 'localhost:8788', origin: 'https://evil.example' }, 403],
  ['a page of another port here', { host: 'localhost:8788', origin: 'http://localhost:3000' }, 403],
  ['a sandboxed page', { host: 'localhost:8788', origin: 'null' }, 403],
  ['our own page', { host: 'localhost:8788', origin: 'http://localhost:8788' }, 200],
])('Host and Origin: %s', async (_name, headers, status) => {
  const answer = await send({ method: 'GET', path: '/healthz', headers })
  expect(answer.status).toBe(status)
  if (status === 403) expect(answer.body).toEqual({ error: expect.any(String) })
})

test.each([
  ['no JSON', '{"orderId":', 400],
  ['nothing', '', 400],
  ['null', 'null', 400],
  ['a list', '[]', 400],
  ['another thing', '{"hello":"world"}', 400],
  ['a prototype', '{"__proto__":{"orderId":"x"}}', 400],
  ['too much', JSON.stringify({ orderId: 'x'.repeat(20_000) }), 413],
])('garbage is answered with a sentence: %s', async (_name, body, status) => {
  for (const path of ['/v1/quotes', '/v1/orders', `/v1/orders/0x${'1'.repeat(64)}/confirmation`]) {
    const answer = await send({ path, headers: json, body })
    expect(answer).toEqual({ status, body: { error: expect.any(String) } })
  }
})

test('names the field that is wrong', async () => {
  const good = market.requestFor(DETERGENT)
  const wrong = async (changes: object) =>
    send({ path: '/v1/quotes', headers: json, body: JSON.stringify({ ...good, ...changes }) })
  expect(await wrong({ gtin: '4006381333932' })).toEqual({ status: 400, body: sentence('check digit') })
  expect(await wrong({ quantity: 0 })).toEqual({ status: 400, body: sentence('quantity') })
  expect(await wrong({ buyer: '0x12' })).toEqual({ status: 400, body: sentence('buyer') })
  expect(await wrong({ attempt: 1.5 })).toEqual({ status: 400, body: sentence('attempt') })
  expect(await wrong({ extra: 1 })).toEqual({ status: 400, body: sentence('extra') })
  expect((await wrong({})).status).toBe(200)
})

test('a form of another site cannot post here', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const body = JSON.stringify(market.requestFor(DETERGENT))
    expect(await send({ path: '/v1/quotes', headers: { 'content-type': type }, body })).toEqual({
      status: 415,
      body: { error: expect.any(String) },
    })
  }
})

test('what is not there is a 404 with a sentence', async () => {
  expect(await send({ method: 'GET', path: '/v1/nothing' })).toEqual({ status: 404, body: sentence('/v1/nothing') })
  expect(await send({ method: 'GET', path: `/v1/orders/0x${'1'.repeat(64)}` })).toEqual({
    status: 404,
    body: sentence('no order'),
  })
  expect(await send({ method: 'GET', path: '/v1/orders/12' })).toEqual({ status: 400, body: sentence('hex digits') })
  expect(await send({ method: 'GET', path: '/v1/orders' })).toEqual({ status: 200, body: { orders: [] } })
})
