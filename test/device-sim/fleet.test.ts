import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Fleet } from '../../device-sim/fleet/fleet.ts'
import { startLine, WASHER } from '../broker/fixture.ts'

type Line = Awaited<ReturnType<typeof startLine>>
let line: Line
let fleet: Fleet
let passwords: Map<string, string>
const news: [number, string][] = []

beforeEach(async () => {
  line = await startLine()
  passwords = new Map()
  for (const name of ['a', 'b', 'c']) passwords.set(`h1-${name}`, await line.add(`h1-${name}`))
  fleet = fleetOf()
})
afterEach(async () => {
  await fleet.close()
  await line.stop()
  news.length = 0
})

function fleetOf(password?: string): Fleet {
  return new Fleet({
    devices: [...passwords].map(([deviceId, own]) => ({
      deviceId,
      password: password ?? own,
      description: WASHER,
      sessionOf: (boot) => `s${boot}`,
    })),
    port: () => line.port,
    onOrder: (device, { state }) => news.push([device, state]),
  })
}

/** Looks after every turn of the event loop. */
async function turnsUntil(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('It did not come to pass within 10 s.')
    await turn()
  }
}

const level = (remaining: number) => `"measuredAtMs":7,"slot":"detergent","remaining":${remaining},"unit":"ml"`
const stored = () =>
  line.db
    .prepare(
      `SELECT device_id AS device, session, seq, remaining FROM readings JOIN sessions USING (session_key) ORDER BY reading_id`,
    )
    .all()
const acknowledged = () =>
  [...fleet.acknowledged()].map(({ deviceId, session, seqs }) => `${deviceId} ${session} ${seqs}`)

describe('a fleet of light devices', () => {
  it('connects, describes itself, and has on disk what a flush sent', async () => {
    await fleet.connect()
    expect(fleet.connected).toBe(3)
    expect(line.db.prepare(`SELECT count(*) FROM slots WHERE description IS NOT NULL`).pluck().get()).toBe(3)
    expect(line.db.prepare(`SELECT count(*) FROM devices WHERE status = 'online'`).pluck().get()).toBe(3)
    fleet.report(0, 'consumable', level(900))
    fleet.report(0, 'event', '"measuredAtMs":8,"type":"cycle-finished","detail":{"doseMl":38}')
    fleet.report(2, 'telemetry', '"measuredAtMs":9,"values":{"powerWatts":1850}')
    await fleet.flush()
    expect(stored()).toMatchObject([
      { device: 'h1-a', session: 's0', seq: 0, remaining: 900 },
      { device: 'h1-a', session: 's0', seq: 1 },
      { device: 'h1-c', session: 's0', seq: 0 },
    ])
    expect(acknowledged()).toEqual(['h1-a s0 2', 'h1-b s0 0', 'h1-c s0 1'])
    await fleet.close()
    await expect
      .poll(() => line.db.prepare(`SELECT count(*) FROM devices WHERE status = 'online'`).pluck().get())
      .toBe(0)
  })

  it('keeps what it reported out of reach, and hears afterwards what was said to it meanwhile', async () => {
    await fleet.connect()
    const order = (state: 'due' | 'shipped') => ({ slot: 'detergent', orderId: randomUUID(), state, sinceMs: 5 })
    fleet.report(1, 'consumable', level(800))
    await fleet.flush((device) => (device === 1 ? { kind: 'away' } : undefined))
    expect(fleet.connected).toBe(2)
    expect(stored()).toEqual([])
    await line.broker.publish('h1-b', 'order', order('due'), { retain: true })
    await line.broker.publish('h1-b', 'order', order('shipped'), { retain: true })
    fleet.report(1, 'consumable', level(790))
    await fleet.flush()
    expect(stored()).toMatchObject([
      { device: 'h1-b', seq: 0, remaining: 800 },
      { device: 'h1-b', seq: 1, remaining: 790 },
    ])
    await expect
      .poll(() => news.filter(([device]) => device === 1).map(([, state]) => state))
      .toEqual(expect.arrayContaining(['due', 'shipped']))
  })

  it('sends in another order, twice and with the connection cut, and is stored once each', async () => {
    await fleet.connect()
    for (const remaining of [900, 890, 880, 870]) fleet.report(0, 'consumable', level(remaining))
    const order = [1, 0, 1, 2, 2, 3].map((index, place) => ({ index, dup: place === 2 }))
    await fleet.flush((device) => (device === 0 ? { kind: 'bent', reboot: false, order, cutAfter: 4 } : undefined))
    expect(stored()).toHaveLength(4)
    expect(acknowledged()[0]).toBe('h1-a s0 4')

    fleet.report(0, 'consumable', level(860))
    await fleet.flush((device) =>
      device === 0 ? { kind: 'bent', reboot: true, order: [{ index: 0, dup: false }] } : undefined,
    )
    expect(stored().at(-1)).toMatchObject({ session: 's1', seq: 0, remaining: 860 })
    expect(acknowledged().slice(0, 2)).toEqual(['h1-a s0 4', 'h1-a s1 1'])
  })

  it('comes back to a broker that dropped it, with what was under way', async () => {
    await fleet.connect()
    fleet.report(0, 'consumable', level(900))
    const flushed = fleet.flush()
    line.broker.disconnect('h1-a')
    await flushed
    expect(stored()).toHaveLength(1)
    await expect.poll(() => fleet.connected).toBe(3)
  })

  it('leaves nobody waiting when it is switched off', async () => {
    await fleet.connect()
    fleet.report(0, 'consumable', level(900))
    const flushed = fleet.flush()
    await Promise.all([expect(flushed).rejects.toThrow('The fleet was switched off.'), fleet.close()])
    await expect(fleet.connect()).rejects.toThrow('The fleet was switched off.')
    expect(fleet.connected).toBe(0)
  })

  it('waits for no answer to what it said of itself when it goes out of reach right after a connect', async () => {
    await fleet.connect()
    line.broker.disconnect('h1-a')
    await turnsUntil(() => fleet.connected === 2)
    // Let in again between two flushes, and the answers to its description and status have not come yet.
    await turnsUntil(() => fleet.connected === 3)
    await fleet.flush((device) => (device === 0 ? { kind: 'away' } : undefined))
    expect(fleet.connected).toBe(2)
    await fleet.flush()
    expect(fleet.connected).toBe(3)
    expect(line.db.prepare(`SELECT status FROM devices WHERE device_id = 'h1-a'`).pluck().get()).toBe('online')
  })

  it('fails with a sentence when the gateway refuses it', async () => {
    await fleet.close()
    fleet = fleetOf('wrong')
    await expect(fleet.connect()).rejects.toThrow(/^The gateway refuses h1-[abc] with the return code 4\.$/)
  })
})
