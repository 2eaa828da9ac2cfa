import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Config } from '../../gateway/config/schema.ts'
import { loadConfig } from '../../gateway/config.ts'
import { placedOrder } from '../web/placed-orders.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

const ORDER = 'aaaa1111-0000-4000-8000-000000000001'

// Each test starts several processes, at 0.2 s of a free core each.
vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
let folder: string
beforeEach(async () => {
  gateway = await runGateway()
  folder = mkdtempSync(join(tmpdir(), 'adept-cli-'))
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await gateway.stop()
})
const { run: adept, json, start } = adeptOn(() => gateway.dataFolder)

test('help is there, with the options that all commands have', async () => {
  const { code, out } = await adept('--help')
  expect(code).toBe(0)
  const names = [...out.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((match) => match[1]!)
  expect(names).toEqual(
    expect.arrayContaining(['init', 'start', 'device', 'devices', 'orders', 'order', 'consent', 'feed', 'mandate']),
  )
  const helps = await Promise.all([adept('feed', '--help'), adept('order', 'received', '-h'), adept('help', 'mandate')])
  expect((await adept('mandate', 'sign', '--help')).out).toMatch(/length of a period \(default: 30d\)/)
  expect((await adept('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  for (const help of helps) {
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(/--data <folder>[\s\S]*--json/)
  }
})

test('what is not understood exits with 2 and says what would be', async () => {
  const cases: [string[], RegExp][] = [
    [['dance'], /unknown command 'dance'/],
    [['order'], /missing required argument 'id'/],
    [['device', 'confirm', 'washer', '--mode', 'sometimes'], /Allowed choices are notify, ask, auto/],
    [['consent', 'aaaa', 'maybe'], /Allowed choices are yes, no/],
    [['orders', '--limit', 'many'], /whole number above 0/],
    [['mandate', 'sign', 'washer', '--period', 'month'], /such as 30d or 24h/],
    [['mandate', 'sign', 'washer', '--allowance', '1,50'], /--allowance 1,50 is no amount/],
    [['device', 'add', 'Not A Name'], /"Not A Name": a device id is 1–63 characters[^\n→✖]*\n$/],
    [['readings', 'Not A Name'], /^"Not A Name" is not a device id: /],
    [['mandate', 'sign', 'washer', '--gtin', '123'], /gtins\.0 "123": a GTIN has 8, 12, 13 or 14 digits\.\n$/],
  ]
  const runs = await Promise.all(cases.map(([args]) => adept(...args)))
  for (const [index, { code, err }] of runs.entries()) {
    expect(err).toMatch(cases[index]![1])
    expect(code).toBe(2)
  }
})

test('init makes a closed folder that the gateway can read, once', async () => {
  const data = join(folder, 'home')
  const first = await adept('init', '--data', data)
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(first.out).toMatch(/adept start[\s\S]*adept device add/)
  expect(statSync(data).mode & 0o777).toBe(0o700)
  for (const file of ['token', 'master.key', 'adept.yaml']) expect(statSync(join(data, file)).mode & 0o777).toBe(0o600)
  expect(loadConfig(data, {})).toEqual(Config.parse({}))

  const token = readFileSync(join(data, 'token'), 'utf8')
  expect((await adept('init', '--data', data)).out).toMatch(/already a gateway/)
  expect(readFileSync(join(data, 'token'), 'utf8')).toBe(token)

  mkdirSync(join(folder, 'photos'))
  writeFileSync(join(folder, 'photos', 'cat.jpg'), '')
  const mode = statSync(join(folder, 'photos')).mode
  expect(await adept('init', '--data', join(folder, 'photos'))).toMatchObject({ code: 1 })
  expect(statSync(join(folder, 'photos')).mode).toBe(mode)
})

test('init adds the settings to a folder that a start without them has made', async () => {
  mkdirSync(join(folder, 'keys'))
  writeFileSync(join(folder, 'master.key'), Buffer.alloc(32, 1), { mode: 0o600 })
  expect(await adept('init', '--data', folder)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^There was already/),
  })
  expect(loadConfig(folder, {})).toEqual(Config.parse({}))
  expect(readFileSync(join(folder, 'master.key'))).toEqual(Buffer.alloc(32, 1))
})

test('a place that cannot be a data folder is refused with a sentence', async () => {
  writeFileSync(join(folder, 'file'), '')
  symlinkSync(join(folder, 'gone', 'away'), join(folder, 'link'))
  for (const [place, pattern] of [
    ['file', /file cannot be used: it, or a folder on the way to it, is a file/],
    ['file/below', /below cannot be used: it, or a folder on the way to it, is a file/],
    ['link', /link cannot be used: it does not exist, or is a link to what does not exist/],
  ] as const) {
    const refused = { code: 1, out: '', err: expect.stringMatching(pattern) }
    expect(await adept('init', '--data', join(folder, place))).toEqual(refused)
  }
})

test('no gateway, a stopped one, and the token of another are three different sentences', async () => {
  expect(await adept('devices', '--data', join(folder, 'nowhere'))).toEqual({
    code: 1,
    out: '',
    err: expect.stringMatching(/no gateway in .*nowhere.*adept init/),
  })
  const data = join(folder, 'stopped')
  await adept('init', '--data', data)
  writeFileSync(join(data, 'gateway.json'), JSON.stringify({ pid: 1, httpUrl: 'http://127.0.0.1:9', mqttPort: 1883 }))
  const stopped = await adept('devices', '--data', data)
  expect(stopped).toMatchObject({ code: 1 })
  expect(stopped.err).toContain(`adept start --data ${data}`)

  writeFileSync(join(data, 'gateway.json'), JSON.stringify({ pid: 1, httpUrl: gateway.url, mqttPort: 1883 }))
  const foreign = await adept('devices', '--data', data)
  expect(foreign).toMatchObject({ code: 1 })
  expect(foreign.err).toMatch(/does not know the token in .*stopped.token/)
})

test('a device is added, confirmed and shown', async () => {
  const added = await adept('device', 'add', 'washer')
  expect(added.code).toBe(0)
  expect(added.out).toMatch(/shown only now:\n\n {2}[\w-]{32}\n\n.*port 1883/)
  expect(await adept('device', 'add', 'washer')).toMatchObject({ code: 1 })
  expect((await adept('devices')).out).toMatch(/washer +offline +has not described itself/)
  expect((await adept('device', 'confirm', 'washer', '--mode', 'ask')).err).toMatch(/Connect it, then confirm it/)

  const description = {
    slot: 'detergent',
    unit: 'ml',
    capacity: 1400,
    degradationDirection: 'down',
    replacementProducts: [],
  }
  gateway.db
    .prepare(
      `INSERT INTO slots (device_id, slot, description, remaining, unit, mark, mark_reason, measured_at_ms)
       VALUES ('washer', 'detergent', ?, 420, 'ml', 'verified', '', 1)`,
    )
    .run(JSON.stringify(description))
  expect((await adept('devices')).out).toMatch(/detergent +420\/1400 ml verified +notify +buys nothing: new slot/)
  expect((await adept('device', 'confirm', 'washer', '--mode', 'ask')).out).toBe('washer: detergent in mode ask.\n')
  expect(await json('devices')).toMatchObject([{ deviceId: 'washer', slots: [{ mode: 'ask', confirmed: true }] }])
  expect((await adept('readings', 'washer')).out).toBe('washer has reported nothing yet.\n')
  expect((await adept('readings', 'dryer')).err).toMatch(/no device dryer/)
  gateway.db.exec(`INSERT INTO decisions (device_id, slot, at_ms, outcome, reasons)
    VALUES ('washer', 'detergent', 1, 'tell-low', '["old"]'), ('washer', 'detergent', 2, 'nothing', '["Low.", "No mandate."]')`)
  expect((await adept('devices')).out).toMatch(/ask +Low\. No mandate\.\n/)

  expect((await adept('dead-letters')).out).toBe('No message was misunderstood.\n')
  gateway.db
    .prepare(`INSERT INTO dead_letters (topic, payload, reason, received_at_ms) VALUES ('t', ?, 'one\n  two', 1)`)
    .run(Buffer.from(`{"a":\u001b"${'x'.repeat(5_000)}`))
  expect((await adept('dead-letters')).out).toMatch(/ t +one two +\{"a":\\u\{1b\}"x{107}…\n$/)
  const [letter] = (await json('dead-letters')) as { payloadText: string }[]
  expect(letter!.payloadText).toHaveLength(2_000)
})

test('an order is shown with each step, by a beginning of its id, beside the verbs of the same word', async () => {
  expect((await adept('orders')).out).toBe('No order yet.\n')
  gateway.orders.push(placedOrder(ORDER), placedOrder('aaaa2222-0000-4000-8000-000000000002', { quote: undefined }))
  expect((await adept('orders')).out).toMatch(/aaaa1111 .* washer\/detergent +authorized +1 × Detergent +12\.49 USDT/)

  const { code, out } = await adept('order', 'aaaa1')
  expect(code).toBe(0)
  expect(out).toMatch(/Order aaaa1111-0000-4000-8000-000000000001: authorized/)
  expect(out).toMatch(/why +Detergent is at 200 of 1400 ml/)
  expect(out).toMatch(/2025-11-22 04:00:00 +authorized +Funds are held\.\n +12\.49 USDT\n +transaction 0x0000/)
  expect(await json('order', 'show', ORDER)).toMatchObject({ orderId: ORDER })

  expect(await adept('order', 'received', 'aaaa1')).toEqual({ code: 0, out: 'Noted: received.\n', err: '' })
  expect(await adept('order', 'cancel', 'aaaa1')).toMatchObject({ code: 0 })
  expect(await json('consent', 'aaaa1', 'yes')).toEqual({ orderId: ORDER, sentence: 'Noted: consent.' })
  expect(gateway.asked.filter((it) => it !== 'changed')).toMatchObject([
    { verb: 'received', orderId: ORDER },
    { verb: 'cancel', orderId: ORDER },
    { verb: 'consent', orderId: ORDER, answer: 'yes' },
  ])

  expect((await adept('order', 'aaaa')).err).toMatch(/2 orders begin with aaaa/)
  expect(await adept('order', 'bbbb')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no order bbbb.*adept orders/),
  })
  expect(await adept('order', 'aaa')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^"aaa" is not an order id: give the id or its first 4 or more characters/),
  })
  gateway.orders[0]!.state = 'completed'
  expect(await adept('order', 'cancel', 'aaaa1')).toMatchObject({ code: 1, err: 'This order is completed already.\n' })
})

test('the feed is shown, and followed over new entries', async () => {
  expect((await adept('feed')).out).toBe('Nothing was told yet.\n')
  gateway.tell('low', 'Detergent is low.')
  expect((await adept('feed')).out).toBe('2025-11-22 04:00:00  Detergent is low.\n')

  const follower = start('feed', '--follow', '--json')
  let out = ''
  follower.stdout.on('data', (chunk) => {
    out += chunk
  })
  const texts = () =>
    out.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as { text: string }).text))
  await expect.poll(texts, { timeout: 10_000 }).toEqual(['Detergent is low.'])
  gateway.tell('placed', 'Ordered.')
  await expect.poll(texts, { timeout: 10_000 }).toEqual(['Detergent is low.', 'Ordered.'])
  follower.kill('SIGINT')
  await new Promise((resolve) => follower.on('close', resolve))
})

test('status tells where devices connect, and that the money is play money', async () => {
  const { out } = await adept('status')
  expect(out).toMatch(/port 1883/)
  expect(out).toMatch(/1000\.00 USDT/)
  expect(out).toMatch(/play money/)
})

test('status says first what does not do its work', async () => {
  gateway.hindered.writer = new Error('database or disk is full.')
  const { out } = await adept('status')
  expect(out.split('\n')[1]).toBe('Not ready: writer: database or disk is full. More: `adept doctor`')
  expect(await json('status')).toMatchObject({ ready: false })
})
