import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { placedOrder } from './placed-orders.ts'
import { type RunningGateway, runGateway } from './running-gateway.ts'

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())

const sentence = (pattern: RegExp) => ({ error: expect.stringMatching(pattern) })
const ORDER = 'aaaa1111-0000-4000-8000-000000000001'
const OTHER = 'aaaa2222-0000-4000-8000-000000000002'

/** fetch may not set Host. */
function statusFor(path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gateway.url)
    request({ hostname, port, path, headers: { authorization: `Bearer ${gateway.token}`, ...headers } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

function describeDetergent(deviceId: string): void {
  gateway.db.prepare(`INSERT INTO slots (device_id, slot, description) VALUES (?, 'detergent', ?)`).run(
    deviceId,
    JSON.stringify({
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      degradationDirection: 'down',
      replacementProducts: [],
    }),
  )
}

test('every route of the API wants the token; the page and the health check do not', async () => {
  for (const authorization of ['', 'Bearer wrong', gateway.token]) {
    const { status, body } = await gateway.call('/v1/devices', undefined, { authorization })
    expect(status).toBe(401)
    expect(body).toEqual(sentence(/file `token`/))
  }
  // Other spellings of the same address.
  for (const path of ['/%761/devices', '/v1/%64evices', '/v1/devices?token=x']) {
    expect(await gateway.call(path, undefined, { authorization: '' })).toMatchObject({ status: 401 })
  }
  expect(await gateway.call('/v1/devices')).toEqual({ status: 200, body: { devices: [] } })
  expect(await gateway.call('/healthz', undefined, { authorization: '' })).toEqual({ status: 200, body: { ok: true } })
})

test('a page of elsewhere gets nothing, whether it shows a foreign Host or a foreign Origin', async () => {
  const own = new URL(gateway.url).host
  expect(await statusFor('/v1/devices', { host: own })).toBe(200)
  expect(await statusFor('/v1/devices', { host: own, origin: `http://${own}` })).toBe(200)
  expect(await statusFor('/v1/devices', { host: 'evil.example' })).toBe(403)
  expect(await statusFor('/', { host: 'evil.example:8787' })).toBe(403)
  expect(await statusFor('/v1/devices', { host: own, origin: 'http://evil.example' })).toBe(403)
  expect(await statusFor('/v1/devices', { host: own, origin: 'http://127.0.0.1:1' })).toBe(403)
})

test('the dashboard comes with a policy that lets nothing in from elsewhere', async () => {
  for (const path of ['/', '/dashboard.js', '/dashboard.css']) {
    const response = await fetch(gateway.url + path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'/)
    expect(await response.text()).not.toMatch(/https?:\/\//)
  }
})

test('a device is added once; its password is shown and only its hash is kept', async () => {
  const { status, body } = await gateway.call('/v1/devices', { deviceId: 'washer' })
  expect(status).toBe(201)
  const { password } = body as { password: string }
  expect(password).toMatch(/^[\w-]{32}$/)
  const row = gateway.db.prepare('SELECT secret_sha256, length(key_sealed) AS sealed FROM devices').get()
  expect(row).toEqual({ secret_sha256: createHash('sha256').update(password).digest(), sealed: 61 })
  expect(await gateway.call('/v1/devices', { deviceId: 'washer' })).toEqual({ status: 409, body: sentence(/already/) })
  expect(JSON.stringify(await gateway.call('/v1/devices'))).not.toMatch(/secret|sealed|password/i)
})

test.each([
  ['/v1/devices', { deviceId: 'Not A Name' }, /device id is 1–63 characters/],
  ['/v1/devices', { deviceId: 'washer', more: 1 }, /more/],
  ['/v1/devices/washer/confirm', { mode: 'sometimes' }, /notify.*ask.*auto/],
  ['/v1/orders/zz/cancel', {}, /^"zz" is not an order id: .*first 4/],
  [`/v1/orders/${ORDER}/consent`, { answer: 'maybe' }, /yes.*no/],
  ['/v1/mandates/0x12/revoke', {}, /64 hex digits/],
  ['/v1/mandates/draft', { deviceId: 'washer', allowance: '12.5' }, /whole number of minor units/],
  ['/v1/mandates', { useGatewayWallet: true }, /draft as it was made/],
])('bad input to %s is a sentence', async (path, body, pattern) => {
  expect(await gateway.call(path, body)).toEqual({ status: 400, body: sentence(pattern) })
  expect(gateway.faults).toEqual([])
})

test('what is no JSON, or too long, is refused without a fault', async () => {
  const post = async (body: string, type: string) => {
    const headers = { authorization: `Bearer ${gateway.token}`, 'content-type': type }
    const response = await fetch(`${gateway.url}/v1/devices`, { method: 'POST', headers, body })
    return [response.status, await response.json()]
  }
  expect(await post('{', 'application/json')).toEqual([400, sentence(/JSON/)])
  expect(await post('deviceId=washer', 'text/plain')).toEqual([415, sentence(/Media Type/)])
  expect(await post(`{"deviceId":"${'a'.repeat(70_000)}"}`, 'application/json')).toEqual([413, sentence(/too large/)])
  expect(gateway.faults).toEqual([])
})

test('confirming sets the mode of one slot or of all, and says what is missing', async () => {
  expect(await gateway.call('/v1/devices/washer/confirm', { mode: 'auto' })).toEqual({
    status: 404,
    body: sentence(/device add washer/),
  })
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  expect(await gateway.call('/v1/devices/washer/confirm', { mode: 'auto' })).toEqual({
    status: 409,
    body: sentence(/Connect it/),
  })
  describeDetergent('washer')
  const wrong = await gateway.call('/v1/devices/washer/confirm', { mode: 'auto', slot: 'salt' })
  expect(wrong).toEqual({ status: 409, body: sentence(/no slot salt/) })
  expect(gateway.asked).toEqual([])
  const right = await gateway.call('/v1/devices/washer/confirm', { mode: 'auto', slot: 'detergent' })
  expect(right.body).toEqual({ deviceId: 'washer', mode: 'auto', slots: ['detergent'] })
  expect(gateway.asked).toEqual(['changed'])
  const { devices } = (await gateway.call('/v1/devices')).body as { devices: { slots: object[] }[] }
  expect(devices[0]!.slots[0]).toMatchObject({ mode: 'auto', confirmed: true, suspendedReason: '' })
})

test('readings and dead letters are shown, newest first and not without bound', async () => {
  expect(await gateway.call('/v1/devices/washer/readings')).toMatchObject({ status: 404 })
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  expect(await gateway.call('/v1/devices/washer/readings')).toEqual({ status: 200, body: { readings: [] } })
  expect(await gateway.call('/v1/devices/washer/readings?limit=1001')).toMatchObject({ status: 400 })
  for (const reason of ['first', 'second']) {
    gateway.db
      .prepare(
        `INSERT INTO dead_letters (device_id, topic, payload, reason, received_at_ms) VALUES ('washer', 't', x'', ?, 1)`,
      )
      .run(reason)
  }
  const { deadLetters } = (await gateway.call('/v1/dead-letters?limit=1')).body as { deadLetters: object[] }
  expect(deadLetters).toEqual([expect.objectContaining({ reason: 'second', payloadText: '' })])
})

test('an order is found by its id or a beginning that only it has', async () => {
  gateway.orders.push(placedOrder(ORDER), placedOrder(OTHER))
  const { order } = (await gateway.call('/v1/orders/aaaa1')).body as { order: object }
  expect(order).toMatchObject({ orderId: ORDER, quote: { totalMinorUnits: '12490000', total: '12.49 USDT' } })
  expect(order).toMatchObject({ steps: [{ amount: '12.49 USDT' }] })
  expect(await gateway.call(`/v1/orders/${OTHER.toUpperCase()}`)).toMatchObject({ body: { order: { orderId: OTHER } } })
  expect(await gateway.call('/v1/orders/aaaa')).toEqual({
    status: 409,
    body: sentence(/2 orders begin with aaaa.*more characters/),
  })
  expect(await gateway.call('/v1/orders/bbbb')).toEqual({ status: 404, body: sentence(/no order bbbb/) })
  expect(await gateway.call('/v1/orders?limit=1')).toMatchObject({ body: { orders: [{ orderId: ORDER }] } })
})

test('the verbs of an order act on it and wake the workers; a refusal is its sentence', async () => {
  gateway.orders.push(placedOrder(ORDER))
  expect((await gateway.call('/v1/orders/aaaa1/received', { who: 'Ada' })).body).toEqual({
    orderId: ORDER,
    sentence: 'Noted: received.',
  })
  await gateway.call(`/v1/orders/${ORDER}/cancel`, {})
  await gateway.call(`/v1/orders/${ORDER}/consent`, { answer: 'yes', seenMinorUnits: '12490000' })
  await gateway.call(`/v1/orders/${ORDER}/consent`, { answer: 'no' })
  expect(gateway.asked).toEqual([
    { verb: 'received', orderId: ORDER, who: 'Ada' },
    'changed',
    { verb: 'cancel', orderId: ORDER, who: 'owner' },
    'changed',
    { verb: 'consent', orderId: ORDER, who: 'owner', answer: 'yes', seenMinorUnits: 12_490_000n },
    'changed',
    { verb: 'consent', orderId: ORDER, who: 'owner', answer: 'no' },
    'changed',
  ])
  gateway.orders[0]!.state = 'completed'
  expect(await gateway.call(`/v1/orders/${ORDER}/cancel`, {})).toEqual({
    status: 409,
    body: sentence(/completed already/),
  })
})

test('the feed is read from its newest entries, or on from one', async () => {
  for (const text of ['one', 'two', 'three']) gateway.tell('low', text)
  const texts = async (query: string) =>
    ((await gateway.call(`/v1/feed${query}`)).body as { feed: { text: string }[] }).feed.map((entry) => entry.text)
  expect(await texts('?limit=2')).toEqual(['two', 'three'])
  expect(await texts('?after=1')).toEqual(['two', 'three'])
  expect(await texts('?after=0&limit=1')).toEqual(['one'])
  const { feed } = (await gateway.call('/v1/feed?limit=1')).body as { feed: object[] }
  expect(feed[0]).toMatchObject({ kind: 'low', amountMinorUnits: '12490000', amount: '12.49 USDT' })
})

test('status tells what a person needs to connect and to pay', async () => {
  expect((await gateway.call('/v1/status')).body).toMatchObject({
    version: '0.1.0',
    mqttPort: 1883,
    homeId: 'home',
    chain: { kind: 'embedded', chainId: 31337 },
    payer: { balance: '1000000000', balanceText: '1000.00 USDT' },
  })
})

test('a draft goes out and comes back the same, and is signed by the wallet that is named', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const limits = { allowance: '50000000', maxPerOrder: '25000000', periodSeconds: 3600, coolingOffSeconds: 0, days: 1 }
  const drafted = await gateway.call('/v1/mandates/draft', { deviceId: 'washer', ...limits })
  expect(drafted).toMatchObject({ status: 200, body: { typedData: { primaryType: 'Mandate' } } })
  const { draft } = drafted.body as { draft: { sellerUrl: string } }
  expect(draft.sellerUrl).toBe('http://127.0.0.1:8788')
  expect(await gateway.call('/v1/mandates', { draft })).toMatchObject({ status: 400 })
  expect(await gateway.call('/v1/mandates', { draft, signature: '0xab' })).toMatchObject({ status: 201 })
  expect(await gateway.call('/v1/mandates', { draft, useGatewayWallet: true })).toMatchObject({ status: 201 })
  expect(gateway.asked).toMatchObject([
    { verb: 'draft', homeId: 'home', allowance: 50_000_000n },
    { verb: 'sign', by: '0xab', allowance: 50_000_000n },
    'changed',
    { verb: 'sign', by: 'gateway-wallet' },
    'changed',
  ])
  gateway.db.prepare(`UPDATE mandates SET state = 'granted'`).run()
  const { mandates } = (await gateway.call('/v1/mandates')).body as { mandates: { mandateHash: string }[] }
  expect(mandates).toMatchObject([
    { deviceId: 'washer', state: 'granted', allowance: '50.00 USDT', spent: '12.49 USDT' },
  ])
  const revoked = await gateway.call(`/v1/mandates/${mandates[0]!.mandateHash}/revoke`, {})
  expect(revoked.body).toMatchObject({ sentence: 'The revocation was sent.' })
  const undescribed = await gateway.call('/v1/mandates/draft', { deviceId: 'undescribed', ...limits })
  expect(undescribed).toEqual({ status: 409, body: sentence(/not told which products/) })
})

test('a fault tells the log, and the caller nothing of the inside', async () => {
  gateway.db.exec('DROP TABLE dead_letters')
  expect(await gateway.call('/v1/dead-letters')).toEqual({ status: 500, body: sentence(/in the log/) })
  expect(gateway.faults).toHaveLength(1)
})
