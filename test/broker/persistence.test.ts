import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import { SESSION_MARK } from '../../gateway/broker/persistence.ts'
import type { Message } from '../../gateway/broker/persistence-messages.ts'
import { FILTERS, inside, listOf, message, NAMES, TABLES, TOPICS, temporaryState } from './persistence-fixture.ts'

const state = temporaryState()
afterAll(state.close)
beforeEach(() => void state.empty())

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
