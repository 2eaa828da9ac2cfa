import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_PAYLOAD_BYTES, parseMessage } from '../../gateway/ingest/parse.ts'
import { ConsumableReport } from '../../gateway/wire/messages.ts'
import { topicOf } from '../../gateway/wire/topics.ts'

const say = (name: string, payload: string | Uint8Array) =>
  parseMessage(`adept/v1/washer-1/${name}`, typeof payload === 'string' ? Buffer.from(payload) : payload)
const level = (change: object) =>
  JSON.stringify({ session: 's1', seq: 0, slot: 'detergent', remaining: 420, unit: 'ml', ...change })
const reasonOf = (name: string, payload: string | Uint8Array) => {
  const parsed = say(name, payload)
  return parsed.kind === 'dead-letter' ? parsed.reason : `it is a ${parsed.kind}`
}

describe('a message that fits its topic', () => {
  it('is a report with the body as it came', () => {
    const body = `  ${level({ measuredAtMs: 1763784000123 })}\n`
    expect(say('consumable', body)).toEqual({
      kind: 'report',
      report: {
        deviceId: 'washer-1',
        session: 's1',
        seq: 0,
        kind: 'consumable',
        measuredAtMs: 1763784000123,
        body,
        level: { slot: 'detergent', remaining: 420, unit: 'ml' },
      },
    })
    expect(say('telemetry', '{"session":"s1","seq":1,"values":{"powerWatts":5}}')).toMatchObject({
      kind: 'report',
      report: { kind: 'telemetry', seq: 1, measuredAtMs: undefined },
    })
    expect(say('event', '{"session":"s1","seq":2,"type":"cycle-finished"}')).toMatchObject({
      report: { kind: 'event' },
    })
  })
  it('may say that its sender does not trust it', () => {
    const unverified = 'The line had no check sum.'
    expect(say('consumable', level({ unverified }))).toMatchObject({ report: { level: { unverified } } })
    expect(reasonOf('consumable', level({ unverified: '' }))).toContain('unverified')
    expect(reasonOf('consumable', level({ unverified: 'x'.repeat(101) }))).toContain('unverified')
  })
  it('is a status, a description or the result of a command', () => {
    expect(say('status', 'online')).toEqual({ kind: 'status', deviceId: 'washer-1', status: 'online' })
    expect(say('command/result', '{"id":"c","ok":false,"error":"busy"}')).toMatchObject({ kind: 'command-result' })
    const slots = [{ slot: 'detergent', unit: 'ml', capacity: 1400 }]
    expect(say('description', JSON.stringify({ maker: 'S', model: 'W', slots }))).toMatchObject({
      kind: 'description',
      description: { slots: [{ degradationDirection: 'down', replacementProducts: [] }] },
    })
  })
  it('may be the longest description there is', () => {
    const value = 'x'.repeat(20)
    const replacementProducts = Array.from({ length: 5 }, () => ({ type: 'oem', value }))
    const slots = Array.from({ length: 16 }, (_, index) => ({
      slot: `s${'x'.repeat(28)}${index}`,
      unit: 'percent',
      capacity: 123_456.789,
      degradationDirection: 'down',
      replacementProducts,
    }))
    const text = JSON.stringify({ maker: 'm'.repeat(64), model: 'm'.repeat(64), slots })
    expect(reasonOf('description', text)).toBe('it is a description')
  })
})

describe('a dead letter says what is wrong', () => {
  it('names the field', () => {
    expect(reasonOf('consumable', level({ remaining: -1 }))).toContain('remaining')
    expect(reasonOf('consumable', level({ remaining: '420' }))).toContain('remaining')
    expect(reasonOf('consumable', level({ unit: 'litres' }))).toContain('unit')
    expect(reasonOf('consumable', level({ seq: 0.5 }))).toContain('seq')
    expect(reasonOf('consumable', level({ seq: 2 ** 53 }))).toContain('seq')
    expect(reasonOf('consumable', level({ measuredAtMs: -1 }))).toContain('measuredAtMs')
    expect(reasonOf('consumable', level({ level: 1 }))).toContain('level')
    expect(reasonOf('consumable', '[]')).toContain('object')
  })
  it('is kept with its topic and bytes, up to the longest message', () => {
    const payload = Buffer.alloc(MAX_PAYLOAD_BYTES + 1, 'x')
    expect(say('consumable', payload)).toMatchObject({
      deviceId: 'washer-1',
      topic: 'adept/v1/washer-1/consumable',
      payload: payload.subarray(0, MAX_PAYLOAD_BYTES),
      reason: expect.stringContaining('16385 bytes are too many'),
    })
  })
  it('names its report when it has a session and a seq, so that the receipt can count it', () => {
    expect(say('consumable', level({ seq: 7, remaining: -1 }))).toMatchObject({ report: { session: 's1', seq: 7 } })
    expect(say('event', '{"session":"s1","seq":8}')).toMatchObject({ report: { session: 's1', seq: 8 } })
    for (const text of [level({ seq: -1 }), level({ session: '' }), '{"seq":1}', '{', '[]']) {
      expect(say('consumable', text)).not.toHaveProperty('report')
    }
    expect(say('description', '{"session":"s1","seq":8}')).not.toHaveProperty('report')
    expect(say('receipt', level({ seq: 7 }))).not.toHaveProperty('report')
  })
  it('knows NaN and Infinity for no JSON, and 1e999 for no number', () => {
    for (const number of ['NaN', 'Infinity', '-Infinity', '1e999']) {
      expect(say('consumable', level({}).replace('420', number)).kind).toBe('dead-letter')
    }
  })
  it('does not take an inherited name for a slot', () => {
    expect(say('consumable', level({ slot: '__proto__' })).kind).toBe('dead-letter')
    expect(say('consumable', '{"__proto__":{"session":"s1","seq":0,"slot":"a","remaining":1,"unit":"ml"}}').kind).toBe(
      'dead-letter',
    )
  })
})

it('never throws, whatever bytes come on whatever topic', () => {
  const name = fc.constantFrom(
    'consumable',
    'telemetry',
    'event',
    'description',
    'status',
    'command/result',
    'order',
    'x',
  )
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
    fc
      .record({ session: fc.anything(), seq: fc.anything(), slot: fc.anything(), values: fc.anything() })
      .map((record) => {
        try {
          return Buffer.from(JSON.stringify(record))
        } catch {
          return Buffer.from('cyclic or bigint')
        }
      }),
    fc.constant(Buffer.from('['.repeat(MAX_PAYLOAD_BYTES))),
  )
  fc.assert(
    fc.property(name, garbage, (each, payload) => {
      const parsed = say(each, payload)
      if (parsed.kind === 'dead-letter') expect(parsed.reason.length).toBeGreaterThan(0)
    }),
  )
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 20 }), (topic, payload) => void parseMessage(topic, payload)),
  )
})

it('reads back every report that a device can write', () => {
  const report = fc.record(
    {
      session: fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/),
      seq: fc.maxSafeNat(),
      measuredAtMs: fc.maxSafeNat(),
      slot: fc.stringMatching(/^[a-z][a-zA-Z0-9-]{0,31}$/),
      remaining: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      unit: fc.constantFrom('ml', 'g', 'count', 'percent'),
    },
    { requiredKeys: ['session', 'seq', 'slot', 'remaining', 'unit'] },
  )
  fc.assert(
    fc.property(report, (each) => {
      const parsed = parseMessage(topicOf('washer-1', 'consumable'), Buffer.from(JSON.stringify(each)))
      expect(parsed.kind === 'report' && ConsumableReport.parse(JSON.parse(parsed.report.body))).toEqual(
        JSON.parse(JSON.stringify(each)),
      )
    }),
  )
})
