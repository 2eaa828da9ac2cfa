/**
 * Sessions, chapters 3.1.2.4, 4.1 and 4.4 of MQTT 3.1.1: what a client finds again when it comes back. Each case is played
 * twice: the client goes and comes, or the broker itself does.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenBroker, startOpenBroker } from './open-rights.ts'
import type { Peer } from './peer.ts'

let broker: OpenBroker
beforeAll(async () => {
  broker = await startOpenBroker()
})
afterAll(() => broker.stop())

const KEEP = { clean: false }

describe.each([
  ['the client comes back', async () => undefined],
  ['the broker restarts meanwhile', () => broker.restart()],
])('a session, when %s,', (how, interlude) => {
  const idOf = (name: string) => `${name}-${how.length}`
  const come = (name: string) => broker.connect({ clientId: idOf(name), ...KEEP })

  /** Publishes as somebody else. */
  async function publish(topic: string, payload: string, qos: 0 | 1 | 2, retain = false): Promise<void> {
    const other = await broker.connect()
    await other.publish(topic, payload, { qos, retain })
    await other.disconnect()
  }

  it('has its subscriptions [MQTT-3.1.2-4, 4.1.0-1]', async () => {
    const before = await come('subscribed')
    await before.subscribe(['s/+/wild', 's/exact'], 2)
    await before.subscribe('s/ended', 2)
    await before.unsubscribe('s/ended')
    await before.disconnect()
    await interlude()
    const after = await come('subscribed')
    expect(after.sessionPresent).toBe(true)
    for (const topic of ['s/ended', 's/a/wild', 's/exact']) await publish(topic, 'x', 1)
    expect(await after.receive()).toMatchObject({ topic: 's/a/wild', qos: 1 })
    expect(await after.receive()).toMatchObject({ topic: 's/exact', qos: 1 })
    await after.disconnect()
  })

  it('has what came meanwhile with QoS 1 and 2, in order [MQTT-3.1.2-5, 4.5.0-1, 4.6.0-6]', async () => {
    const before = await come('away')
    await before.subscribe('away/#', 2)
    await before.disconnect()
    await publish('away/0', 'not kept', 0)
    for (const [n, qos] of [1, 2, 1, 2, 2, 1].entries()) await publish(`away/${n}`, `${qos}`, qos as 1 | 2)
    await interlude()
    const after = await come('away')
    for (const [n, qos] of [1, 2, 1, 2, 2, 1].entries()) {
      expect(await after.receive()).toEqual({ topic: `away/${n}`, payload: `${qos}`, qos, retain: false, dup: false })
    }
    await after.ping()
    await after.disconnect()
    expect(await leftOf(await come('away'))).toEqual([])
  })

  it('sends again what was not acknowledged, with DUP and the same packet ids [MQTT-4.4.0-1, 3.3.1-1, 4.3.2-1, 4.3.3-1]', async () => {
    const before = await come('silent')
    await before.subscribe('silent', 2)
    await publish('silent', 'one', 1)
    await publish('silent', 'two', 2)
    const sent = [await before.next('publish'), await before.next('publish')]
    await before.drop()
    await interlude()
    const after = await come('silent')
    for (const { messageId, payload, qos } of sent) {
      const again = await after.next('publish')
      expect(again).toMatchObject({ messageId, payload, qos, dup: true })
      if (qos === 1) after.send({ cmd: 'puback', messageId: messageId! })
    }
    await after.drop()
    await interlude()
    const third = await come('silent')
    expect(await third.receive()).toMatchObject({ payload: 'two', dup: true })
    await third.ping()
    await third.disconnect()
    expect(await leftOf(await come('silent'))).toEqual([])
  })

  it('goes on with PUBREL after PUBREC, not with the message [MQTT-4.3.3-1, 4.4.0-1]', async () => {
    const before = await come('half')
    await before.subscribe('half', 2)
    await publish('half', 'x', 2)
    const { messageId } = await before.next('publish')
    before.send({ cmd: 'pubrec', messageId: messageId! })
    await before.next('pubrel')
    await before.drop()
    await interlude()
    const after = await come('half')
    expect(await after.next()).toMatchObject({ cmd: 'pubrel', messageId })
    after.send({ cmd: 'pubcomp', messageId: messageId! })
    await after.ping()
    await after.disconnect()
    expect(await leftOf(await come('half'))).toEqual([])
  })

  it('knows which messages of QoS 2 it took [MQTT-4.3.3-2]', async () => {
    const reader = await come('reader')
    await reader.subscribe('taken', 2)
    await reader.disconnect()
    const before = await come('writer')
    const message = { cmd: 'publish', topic: 'taken', payload: 'x', qos: 2, messageId: 5, retain: false } as const
    before.send({ ...message, dup: false })
    await before.next('pubrec')
    await before.drop()
    await interlude()
    const after = await come('writer')
    after.send({ ...message, dup: true })
    expect(await after.next()).toMatchObject({ cmd: 'pubrec', messageId: 5 })
    after.send({ cmd: 'pubrel', messageId: 5 })
    expect(await after.next()).toMatchObject({ cmd: 'pubcomp', messageId: 5 })
    await after.publish('taken', 'next', { qos: 1 })
    await after.disconnect()
    const found = await leftOf(await come('reader'))
    expect(found.map(({ payload }) => payload)).toEqual(['x', 'next'])
  })

  it('ends with a clean one: no subscription, no message [MQTT-3.1.2-6]', async () => {
    const before = await come('cleaned')
    await before.subscribe('cleaned', 2)
    await before.disconnect()
    await publish('cleaned', 'x', 2)
    const clean = await broker.connect({ clientId: idOf('cleaned'), clean: true })
    expect(clean.sessionPresent).toBe(false)
    await clean.subscribe('cleaned/too', 2)
    await clean.disconnect()
    await interlude()
    const after = await come('cleaned')
    expect(after.sessionPresent).toBe(false)
    await publish('cleaned', 'x', 2)
    expect(await leftOf(after)).toEqual([])
  })

  it('does not hold the retained messages: they stay, and come with a subscription only [MQTT-3.1.2-7]', async () => {
    const before = await come('retaining')
    await before.subscribe('kept/+', 1)
    await publish(`kept/${how.length}`, 'kept', 1, true)
    await before.receive()
    await before.disconnect()
    const clean = await broker.connect({ clientId: idOf('retaining-clean') })
    await clean.publish('kept/clean', 'kept', { qos: 1, retain: true })
    await clean.disconnect()
    await interlude()
    const after = await come('retaining')
    expect(await after.receive()).toMatchObject({ topic: 'kept/clean', retain: false })
    await after.unsubscribe('kept/+')
    await after.subscribe('kept/+', 1)
    const found = [await after.receive(), await after.receive()]
    expect(found.map(({ topic }) => topic).sort()).toEqual([`kept/${how.length}`, 'kept/clean'])
    expect(found).toMatchObject([{ retain: true }, { retain: true }])
    for (const { topic } of found) await after.publish(topic, '', { qos: 1, retain: true })
    await after.disconnect()
  })
})

/** What a session still sends by itself, until the client has heard a message of its own. */
async function leftOf(peer: Peer) {
  const found = []
  await peer.subscribe('leftovers', 1)
  await peer.publish('leftovers', 'end', { qos: 1 })
  for (;;) {
    const message = await peer.receive()
    if (message.topic === 'leftovers') break
    found.push(message)
  }
  await peer.unsubscribe('leftovers')
  await peer.disconnect()
  return found
}
