import { EventEmitter, once } from 'node:events'
import fc from 'fast-check'
import pino from 'pino'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../gateway/broker/limits.ts'
import { type BrokerPersistence, SESSION_MARK } from '../../gateway/broker/persistence.ts'
import type { Message } from '../../gateway/broker/persistence-messages.ts'
import type { BrokerChange } from '../../gateway/ports/broker-state.ts'
import { TABLES, temporaryState } from './persistence-fixture.ts'

const state = temporaryState()
afterAll(state.close)
beforeEach(() => void state.empty())

const NAMES = ['washer-1', '__proto__', 'constructor'] as const
const TOPICS = ['adept/v1/washer-1/order', '__proto__', 'constructor/toString', 'a/b/c/d'] as const
const FILTERS = [...TOPICS, '#', '+/toString', 'a/#', '__proto__/#'] as const
let counter = 0

async function listOf(stream: AsyncIterable<Message>): Promise<Message[]> {
  const messages: Message[] = []
  for await (const each of stream) messages.push(each)
  return messages
}

function message(topic: string, more: Partial<Message> = {}): Message {
  const count = { brokerId: 'broker-1', brokerCounter: ++counter }
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.from(`text ${counter}`),
    qos: 1,
    dup: false,
    retain: false,
    ...count,
    ...more,
  }
}

async function inside(persistence: BrokerPersistence) {
  const rows = async (stream: AsyncIterable<Message>) => {
    const found: string[] = []
    for await (const { payload, ...fields } of stream)
      found.push(JSON.stringify([Object.entries(fields).sort(), payload?.toString()]))
    return found
  }
  const sorted = async (found: Promise<string[]>) => (await found).sort()
  const ofClient = async (id: string) => ({
    id,
    subscriptions: (await persistence.subscriptionsByClient({ id })).sort((a, b) => (a.topic < b.topic ? -1 : 1)),
    queue: await rows(persistence.outgoingStream({ id })),
    incoming: await Promise.all(
      [1, 2].map((messageId) =>
        persistence.incomingGetPacket({ id }, { messageId } as Message).then(
          ({ topic, payload }) => `${topic} ${payload.toString()}`,
          () => 'none',
        ),
      ),
    ),
  })
  return {
    clients: await Promise.all(NAMES.map(ofClient)),
    matching: await Promise.all(
      TOPICS.map(async (topic) =>
        (await persistence.subscriptionsByTopic(topic)).map(({ clientId, qos }) => `${clientId} ${qos}`).sort(),
      ),
    ),
    counts: await persistence.countOffline(),
    retained: await sorted(rows(persistence.createRetainedStreamCombi(['#', '$x/#']))),
    wills: await sorted(rows(persistence.streamWill())),
  }
}

/** One thing that Aedes or a client may do. */
const step = fc.record({
  what: fc.constantFrom(
    ...([
      'connect',
      'leave',
      'subscribe',
      'unsubscribe',
      'clean',
      'retain',
      'publish',
      'send',
      'release',
      'ack',
    ] as const),
    ...(['publish', 'send', 'incoming', 'released', 'clean incoming', 'will', 'no will', 'forget'] as const),
  ),
  id: fc.constantFrom(...NAMES),
  topic: fc.constantFrom(...TOPICS),
  filter: fc.constantFrom(...FILTERS),
  qos: fc.constantFrom(0, 1, 2),
  number: fc.constantFrom(1, 2),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function take(
  persistence: BrokerPersistence,
  events: EventEmitter,
  { what, id, topic, filter, qos, number }: Step,
) {
  const client = { id, clean: false }
  const first = async () => {
    for await (const queued of persistence.outgoingStream(client)) return queued as Message
    return undefined
  }
  const sent = what === 'send' || what === 'release' || what === 'ack' ? await first() : undefined
  const subscription = { topic: filter, qos: qos as 0 | 1 | 2 }
  switch (what) {
    case 'connect':
      return events.emit('client', client)
    case 'leave':
      return events.emit('clientDisconnect', client)
    case 'subscribe':
      return persistence.addSubscriptions(client, [subscription])
    case 'unsubscribe':
      return persistence.removeSubscriptions(client, [filter])
    case 'clean':
      return persistence.cleanSubscriptions(client)
    case 'retain':
      return persistence.storeRetained(message(topic, { retain: true, ...(qos === 0 && { payload: Buffer.alloc(0) }) }))
    case 'publish': {
      const packet = message(topic, { qos: qos === 2 ? 2 : 1 })
      return persistence.outgoingEnqueueCombi(await persistence.subscriptionsByTopic(topic), packet)
    }
    case 'send':
      return sent?.cmd === 'publish' && persistence.outgoingUpdate(client, { ...sent, messageId: number })
    case 'release':
      return (
        sent?.messageId && persistence.outgoingUpdate(client, { cmd: 'pubrel', messageId: sent.messageId } as Message)
      )
    case 'ack':
      return sent && persistence.outgoingClearMessageId(client, sent)
    case 'incoming':
      return persistence.incomingStorePacket(client, message(topic, { qos: 2, messageId: number }))
    case 'released':
      return persistence.incomingDelPacket(client, { messageId: number } as Message).catch(() => undefined)
    case 'clean incoming':
      return persistence.cleanIncoming(client)
    case 'will':
      return persistence.putWill(client, message(topic))
    case 'no will':
      return persistence.delWill(client)
    case 'forget':
      return persistence.forget(id)
  }
}

describe('what the broker knows', () => {
  it('is the same after it was read from the disk at any point', async () => {
    const run = async (steps: Step[]) => {
      const events = new EventEmitter()
      const live = state.empty().open()
      await live.setup(Object.assign(events, { id: 'broker-1' }))
      for (const each of steps) await take(live, events, each)
      await live.committed()
      expect(await inside(state.open())).toEqual(await inside(live))
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), run), { numRuns: 150 })
  })

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

  it('is a session also when it has no subscription, until a clean one takes its place', async () => {
    const events = Object.assign(new EventEmitter(), { id: 'broker-1' })
    const persistence = state.open()
    await persistence.setup(events)
    const client = { id: 'washer-1', clean: false }
    expect(await persistence.subscriptionsByClient(client)).toEqual([])
    events.emit('client', client)
    expect(await persistence.subscriptionsByClient(client)).toEqual([{ topic: SESSION_MARK, qos: 0 }])
    await persistence.cleanSubscriptions({ ...client, clean: true })
    expect(await persistence.subscriptionsByClient(client)).toEqual([])
    for (const table of TABLES) expect(state.count(table)).toBe(0)
  })
})

it('queues a message once for overlapping subscriptions, with their highest QoS, and keeps it until its own id comes', async () => {
  const persistence = state.open()
  const client = { id: 'washer-1', clean: false }
  await persistence.addSubscriptions(client, [
    { topic: '#', qos: 1 },
    { topic: 'a/+', qos: 2 },
    { topic: 'a/b', qos: 1 },
  ])
  const packet = message('a/b', { qos: 2, retain: true, dup: true })
  await persistence.outgoingEnqueueCombi(await persistence.subscriptionsByTopic('a/b'), packet)
  expect(await listOf(persistence.outgoingStream(client))).toMatchObject([{ qos: 2, retain: false, dup: false }])
  // Aedes drops the second delivery of a message that way.
  await persistence.outgoingClearMessageId(client, packet)
  expect(await listOf(persistence.outgoingStream(client))).toHaveLength(1)
  await persistence.outgoingUpdate(client, { ...packet, messageId: 9 })
  await persistence.outgoingClearMessageId(client, { cmd: 'pubcomp', messageId: 9 } as Message)
  expect(await listOf(persistence.outgoingStream(client))).toEqual([])
})

describe('when the disk fails', () => {
  /** Its writes fail while `isBroken`. */
  function openBreakable() {
    const begins = new EventEmitter()
    const disk = { isBroken: false, writes: 0, begun: () => once(begins, 'write') }
    const write = async (changes: readonly BrokerChange[]) => {
      const { isBroken } = disk
      disk.writes++
      begins.emit('write')
      await new Promise(setImmediate)
      if (isBroken) throw new Error('the disk is full')
      await state.store.write(changes)
    }
    return { disk, persistence: state.open({ write }) }
  }

  it('promises nothing until everything before is on disk, in its order', async () => {
    const { disk, persistence } = openBreakable()
    const client = { id: 'washer-1', clean: false }
    await persistence.addSubscriptions(client, [{ topic: 'a', qos: 1 }])
    disk.isBroken = true
    await expect(persistence.addSubscriptions(client, [{ topic: 'b', qos: 1 }])).rejects.toThrow(
      'could not write its state',
    )
    await expect(persistence.removeSubscriptions(client, ['a'])).rejects.toThrow('could not write its state')
    await expect(persistence.outgoingEnqueue({ clientId: client.id }, message('b'))).rejects.toThrow()
    // A session whose state is not on disk is not said to be present.
    await expect(persistence.subscriptionsByClient(client)).rejects.toThrow('could not write its state')
    expect(await state.open().subscriptionsByClient(client)).toEqual([{ topic: 'a', qos: 1 }])

    disk.isBroken = false
    await persistence.addSubscriptions(client, [{ topic: 'a', qos: 2 }])
    expect(await inside(state.open())).toEqual(await inside(persistence))
    expect(state.count('broker_queue')).toBe(1)

    // What changes while a write fails is written after what that write had.
    disk.isBroken = true
    const failing = persistence.addSubscriptions(client, [{ topic: 'late', qos: 1 }])
    await disk.begun()
    const following = persistence.removeSubscriptions(client, ['late'])
    await expect(failing).rejects.toThrow()
    disk.isBroken = false
    await following
    expect(await inside(state.open())).toEqual(await inside(persistence))
    // Nothing is written for nothing.
    const { writes } = disk
    await persistence.committed()
    expect(disk.writes).toBe(writes)
  })

  it('takes a QoS 2 message as never seen, and ends a connection rather than complete a release', async () => {
    const { disk, persistence } = openBreakable()
    let destroyed = 0
    const client = { id: 'washer-1', clean: false, conn: { destroy: () => destroyed++ } }
    const packet = message('a', { qos: 2, messageId: 7 })
    disk.isBroken = true
    const stored = persistence.incomingStorePacket(client, packet)
    // The client comes back and sends it again before its fate is known.
    const repeated = persistence.incomingGetPacket(client, packet)
    await expect(stored).rejects.toThrow('could not write its state')
    await expect(repeated).rejects.toThrow()
    await expect(persistence.incomingGetPacket(client, packet)).rejects.toThrow('no such packet')

    disk.isBroken = false
    await persistence.incomingStorePacket(client, packet)
    expect((await persistence.incomingGetPacket(client, packet)).topic).toBe('a')
    expect(state.count('broker_incoming')).toBe(1)
    disk.isBroken = true
    await expect(persistence.incomingDelPacket(client, packet)).rejects.toThrow()
    expect(destroyed).toBe(1)
    disk.isBroken = false
    await persistence.committed()
    expect(state.count('broker_incoming')).toBe(0)
  })

  it('sends no PUBREL that is not on disk', async () => {
    const { disk, persistence } = openBreakable()
    const client = { id: 'washer-1', clean: false }
    const packet = message('a', { qos: 2 })
    await persistence.outgoingEnqueue({ clientId: client.id }, packet)
    await persistence.outgoingUpdate(client, { ...packet, messageId: 7 })
    disk.isBroken = true
    const release = { cmd: 'pubrel', messageId: 7 } as Message
    await expect(persistence.outgoingUpdate(client, release)).rejects.toThrow()
    await expect(persistence.outgoingUpdate(client, release)).rejects.toThrow()
    disk.isBroken = false
    await persistence.outgoingUpdate(client, release)
    expect(await listOf(state.open().outgoingStream(client))).toMatchObject([{ cmd: 'pubrel', messageId: 7 }])
  })
})
