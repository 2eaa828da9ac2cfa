import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ConductTable } from '../../gateway/broker/conduct.ts'
import { BrokerLimits, DEFAULT_LIMITS } from '../../gateway/broker/limits.ts'
import { ConnectionSlots } from '../../gateway/broker/slots.ts'
import { TokenBucket } from '../../gateway/broker/token-bucket.ts'

describe('the allowance of a device', () => {
  it('takes a burst, then makes wait until the debt is paid', () => {
    const bucket = new TokenBucket(50, 100, 0)
    expect(bucket.take(100, 0)).toBe(0)
    expect(bucket.take(1, 0)).toBe(20)
    expect(bucket.take(4, 0)).toBe(100)
    expect(bucket.take(5, 100)).toBe(100)
    expect(bucket.isFull(2_199)).toBe(false)
    expect(bucket.isFull(2_200)).toBe(true)
    expect(bucket.take(100, 100_000)).toBe(0)
  })
  it('lets no more through than burst and rate, however it is used', () => {
    const bucket = new TokenBucket(50, 100, 0)
    let nowMs = 0
    let taken = 0
    while (nowMs < 60_000) {
      taken += 37
      nowMs += bucket.take(37, nowMs)
    }
    expect(taken).toBeGreaterThanOrEqual(100 + 50 * 60)
    expect(taken).toBeLessThanOrEqual(100 + 50 * 60 + 37)
  })
  it('is not filled by connecting again', () => {
    const table = new ConductTable(DEFAULT_LIMITS)
    table.connect('washer-1', 0)
    table.messages('washer-1', 0).take(600, 0)
    table.connect('washer-1', 1_000)
    expect(table.messages('washer-1', 1_000).take(1, 1_000)).toBe(9_020)
  })
})

describe('a device that connects over and over', () => {
  const limits = { ...DEFAULT_LIMITS, maxConnectsPerMinute: 3, flappingBanMs: 10_000 }
  it('is refused for a while, which is told once', () => {
    const table = new ConductTable(limits)
    const connects = Array.from({ length: 6 }, (_, index) => table.connect('washer-1', index))
    expect(connects).toEqual(['welcome', 'welcome', 'welcome', 'flapping', 'banned', 'banned'])
    expect(table.connect('dryer-1', 5)).toBe('welcome')
    expect(table.connect('washer-1', 10_002)).toBe('banned')
    expect(table.connect('washer-1', 10_003)).toBe('welcome')
  })
  it('is told from one that connects now and then', () => {
    const table = new ConductTable(limits)
    for (let minute = 0; minute < 60; minute++) {
      for (let connect = 0; connect < 3; connect++) {
        expect(table.connect('washer-1', minute * 60_000 + connect)).toBe('welcome')
      }
    }
  })
})

it('forgets devices of whom nothing need be remembered', () => {
  const table = new ConductTable(DEFAULT_LIMITS)
  for (let device = 0; device < 10_000; device++) table.connect(`device-${device}`, device * 60_000)
  expect(table.size).toBeLessThan(1_100)
  const remembered = new ConductTable(DEFAULT_LIMITS)
  for (let connect = 0; connect <= 20; connect++) remembered.connect('washer-1', 0)
  for (let device = 0; device < 10_000; device++) remembered.connect(`device-${device}`, 100_000)
  expect(remembered.connect('washer-1', 200_000)).toBe('banned')
})

describe('the places for connections', () => {
  const connection = () => new Duplex({ read: () => undefined, write: () => undefined }).on('error', () => undefined)
  it('are given up by the oldest that was not let in', () => {
    const slots = new ConnectionSlots({ maxConnections: 10, maxPendingConnections: 2 })
    const [idler, honest, third] = [connection(), connection(), connection()]
    expect([slots.take(idler), slots.take(honest)]).toEqual([true, true])
    slots.settle(honest)
    expect([slots.take(third), idler.destroyed]).toEqual([true, false])
    expect([slots.take(connection()), idler.destroyed, third.destroyed, honest.destroyed]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
  it('are not given to a newcomer when devices have them all, until one closes', async () => {
    const slots = new ConnectionSlots({ maxConnections: 2, maxPendingConnections: 2 })
    const devices = [connection(), connection()]
    for (const device of devices) {
      slots.take(device)
      slots.settle(device)
    }
    expect(slots.take(connection())).toBe(false)
    devices[0]?.destroy()
    await new Promise((resolve) => setImmediate(resolve))
    expect(slots.take(connection())).toBe(true)
  })
})

it('has a meaning and a bound for each limit', () => {
  for (const [name, schema] of Object.entries(BrokerLimits.shape)) {
    expect(schema.description, name).toMatch(/^[A-Z].{30,}\.$/)
    expect(() => BrokerLimits.parse({ [name]: 0 })).toThrow(name)
    expect(() => BrokerLimits.parse({ [name]: 2 ** 31 })).toThrow(name)
  }
})
