import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { QuoteRequest, SignedQuote } from '../../gateway/domain/quote.ts'
import { sellerClient } from '../../gateway/orders/seller-client.ts'
import type { SellerMessage } from '../../gateway/ports/seller.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function shop(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function answering(status: number, body: unknown): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

const address = (digit: string) => `0x${digit.repeat(40)}` as const
const hash = (digit: string) => `0x${digit.repeat(64)}` as const
const request: QuoteRequest = {
  orderId: '0193d2a4-0000-7000-8000-000000000001',
  attempt: 1,
  buyer: address('1'),
  gtin: '04006381333931',
  quantity: 1,
}
const signed: SignedQuote = {
  quote: {
    orderId: request.orderId,
    attempt: 1,
    buyer: request.buyer,
    seller: address('2'),
    token: address('3'),
    gtin: request.gtin,
    productName: 'Detergent',
    packSize: 1400,
    contentUnit: 'ml',
    quantity: 1,
    totalMinorUnits: 12_490_000n,
    validBeforeSeconds: 1_763_784_900,
    shipWithinSeconds: 604_800,
  },
  signature: `0x${'ab'.repeat(65)}`,
}
const onWire = { ...signed, quote: { ...signed.quote, totalMinorUnits: '12490000' } }
const confirmation: SellerMessage = {
  kind: 'confirmation',
  authorizationId: hash('4'),
  shipment: hash('5'),
  deliveries: [{ authorizationId: hash('4'), amount: 12_490_000n }],
  signature: `0x${'cd'.repeat(65)}`,
}
const seller = sellerClient()

test('a quote arrives as values; the question went out as JSON with its amounts as text', async () => {
  let asked: unknown
  const url = await shop(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    asked = { method: incoming.method, url: incoming.url, body: JSON.parse(Buffer.concat(chunks).toString()) }
    response.end(JSON.stringify(onWire))
  })
  expect(await seller.quote(url, request)).toEqual({ kind: 'quoted', signed })
  expect(asked).toEqual({ method: 'POST', url: '/v1/quotes', body: request })
})

test('a shop may live under a path of its own', async () => {
  let path: string | undefined
  const url = await shop((incoming, response) => {
    path = incoming.url
    response.end('{"acknowledged":true}')
  })
  expect(await seller.tell(`${url}/drugstore/`, confirmation)).toEqual({ kind: 'acknowledged' })
  expect(path).toBe(`/drugstore/v1/orders/${hash('4')}/confirmation`)
})

test('a refusal keeps its reason and whether asking later helps', async () => {
  const url = await shop(answering(409, { reason: 'Out of stock.', retry: true }))
  expect(await seller.quote(url, request)).toEqual({
    kind: 'refused',
    refusal: { reason: 'Out of stock.', retry: true },
  })
})

test('an error sentence of the shop is its refusal', async () => {
  const url = await shop(answering(409, { error: 'The quote does not carry our signature.' }))
  expect(await seller.tell(url, confirmation)).toEqual({
    kind: 'refused',
    reason: 'The quote does not carry our signature.',
  })
})

test.each([500, 503, 408, 429])('%d passes by itself: the shop is unreachable, with its words', async (status) => {
  const url = await shop(answering(status, { error: 'No funds are held yet.' }))
  const answer = await seller.tell(url, confirmation)
  expect(answer).toMatchObject({ kind: 'unreachable' })
  expect(answer).toHaveProperty('reason', expect.stringContaining('No funds are held yet.'))
})

test.each([
  ['no JSON', '<html>hello</html>'],
  ['another JSON', { hello: 'world' }],
  ['a quote with an amount that is a number', { ...onWire, quote: { ...onWire.quote, totalMinorUnits: 12.5 } }],
  ['nothing', ''],
])('garbage with status 200 is nobody’s quote: %s', async (_name, body) => {
  const url = await shop(answering(200, body))
  expect(await seller.quote(url, request)).toMatchObject({ kind: 'unreachable' })
  expect(await seller.profile(url)).toMatchObject({ kind: 'unreachable' })
  expect(await seller.tell(url, confirmation)).toMatchObject({ kind: 'unreachable' })
})

test('an answer without end is cut off', async () => {
  let closed = false
  const url = await shop((_incoming, response) => {
    response.on('close', () => {
      closed = true
    })
    const pour = (): void => {
      while (!response.destroyed && response.write('x'.repeat(1024)));
      response.once('drain', pour)
    }
    pour()
  })
  const small = sellerClient({ timeoutMs: 5_000, maxAnswerBytes: 100_000 })
  expect(await small.profile(url)).toEqual({
    kind: 'unreachable',
    reason: expect.stringContaining('longer than 100000 bytes'),
  })
  await expect.poll(() => closed).toBe(true)
})

test('a shop that never answers is unreachable after the time-out', async () => {
  const url = await shop(() => undefined)
  const hasty = sellerClient({ timeoutMs: 50, maxAnswerBytes: 1000 })
  expect(await hasty.quote(url, request)).toEqual({
    kind: 'unreachable',
    reason: expect.stringContaining('no answer within 0.05 s'),
  })
})

test('a redirect is not followed', async () => {
  let reached = false
  const elsewhere = await shop((_incoming, response) => {
    reached = true
    response.end('{"acknowledged":true}')
  })
  const url = await shop((_incoming, response) => {
    response.writeHead(307, { location: elsewhere }).end()
  })
  expect(await seller.tell(url, confirmation)).toMatchObject({ kind: 'unreachable' })
  expect(reached).toBe(false)
})

test('a closed port and a foreign scheme are unreachable, not faults', async () => {
  expect(await seller.profile('http://127.0.0.1:1')).toMatchObject({ kind: 'unreachable' })
  expect(await seller.profile('file:///etc/passwd')).toMatchObject({ kind: 'unreachable' })
  expect(await seller.profile('corner shop')).toMatchObject({ kind: 'unreachable' })
})
