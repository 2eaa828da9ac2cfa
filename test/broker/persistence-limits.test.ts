import { EventEmitter } from 'node:events'
import pino from 'pino'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../gateway/broker/limits.ts'
import { listOf, message, temporaryState } from './persistence-fixture.ts'

const state = temporaryState()
afterAll(state.close)
beforeEach(() => void state.empty())

describe('what the broker knows', () => {
  it('is not more than a device may use up', async () => {
    const told: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void told.push(JSON.parse(line).msg) })
    const limits = {
      ...DEFAULT_LIMITS,
      maxQueuedMessages: 5,
      maxRetainedMessages: 3,
      maxRetainedBytes: 100,
      maxSubscriptions: 2,
    }
    const persistence = state.open({ limits, log })
    const client = { id: 'washer-1', clean: false }
    await persistence.addSubscriptions(client, [{ topic: 'a', qos: 1 }])
    for (let index = 0; index < 8; index++)
      await persistence.outgoingEnqueue({ clientId: client.id }, message(`m${index}`))
    const queued = async () => (await listOf(persistence.outgoingStream(client))).map(({ topic }) => topic)
    expect(await queued()).toEqual(['m3', 'm4', 'm5', 'm6', 'm7'])
    expect(state.count('broker_queue')).toBe(5)

    const retain = (topic: string, bytes: number) =>
      persistence.storeRetained(message(topic, { payload: Buffer.alloc(bytes, 'x') }))
    const retained = async () => (await listOf(persistence.createRetainedStream('#'))).map(({ topic }) => topic)
    await retain('adept/v1/a/1', 60)
    await retain('adept/v1/a/2', 41)
    await retain('adept/v1/b/1', 100)
    expect(await retained()).toEqual(['adept/v1/a/1', 'adept/v1/b/1'])
    await retain('adept/v1/a/1', 10)
    await retain('adept/v1/a/2', 10)
    await retain('adept/v1/a/3', 10)
    await retain('adept/v1/a/4', 10)
    await retain('adept/v1/a/2', 0)
    await retain('adept/v1/a/5', 10)
    // What takes the place of a message and is too long itself leaves none there.
    await retain('adept/v1/b/1', 101)
    expect(await retained()).toEqual(['adept/v1/a/1', 'adept/v1/a/3', 'adept/v1/a/5'])
    await persistence.committed()
    expect(state.count('broker_retained')).toBe(3)

    await persistence.addSubscriptions(client, [
      { topic: 'b', qos: 1 },
      { topic: 'a', qos: 2 },
    ])
    await expect(persistence.addSubscriptions(client, [{ topic: 'c', qos: 1 }])).rejects.toThrow(
      'too many subscriptions',
    )
    expect(told.filter((text) => text.includes('too many messages'))).toHaveLength(1)
    expect(told.filter((text) => text.includes('too much is retained'))).toHaveLength(2)
  })

  it('ends with the session of a client that is away too long, or longest of too many', async () => {
    const events = Object.assign(new EventEmitter(), { id: 'broker-1' })
    const limits = { ...DEFAULT_LIMITS, maxSessions: 3 }
    let persistence = state.open({ limits })
    await persistence.setup(events)
    const visit = async (id: string) => {
      events.emit('client', { id, clean: false })
      await persistence.addSubscriptions({ id }, [{ topic: `to/${id}`, qos: 1 }])
      await persistence.outgoingEnqueueCombi([{ clientId: id }], message(`to/${id}`))
      events.emit('clientDisconnect', { id, clean: false })
      await persistence.committed()
    }
    const known = () => state.db.prepare('SELECT client_id FROM broker_sessions ORDER BY client_id').pluck().all()
    for (const id of ['a', 'b', 'c', 'd']) await visit(id)
    expect(known()).toEqual(['b', 'c', 'd'])
    expect(state.count('broker_queue')).toBe(3)
    expect(await persistence.subscriptionsByClient({ id: 'a' })).toEqual([])

    // One that stays connected is not away, however long; after a crash it is away from the start on.
    events.emit('client', { id: 'b', clean: false })
    await persistence.committed()
    state.clock.set(state.clock.nowMs() + 31 * 86_400_000)
    persistence = state.open({ limits })
    await persistence.committed()
    expect(known()).toEqual(['b'])
    expect(await persistence.subscriptionsByClient({ id: 'b' })).toEqual([{ topic: 'to/b', qos: 1 }])
    expect(state.count('broker_queue') + state.count('broker_subscriptions')).toBe(2)
  })
})
