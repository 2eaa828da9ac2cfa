import { EventEmitter, once } from 'node:events'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Message } from '../../gateway/broker/persistence-messages.ts'
import type { BrokerChange } from '../../gateway/ports/broker-state.ts'
import { inside, listOf, message, temporaryState } from './persistence-fixture.ts'

const state = temporaryState()
afterAll(state.close)
beforeEach(() => void state.empty())

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

  it('lets in nobody more, and takes nothing more, while too much waits for it', async () => {
    const { disk, persistence } = openBreakable()
    const client = { id: 'washer-1', clean: true }
    disk.isBroken = true
    for (let index = 0; index < 50_000; index++) await persistence.putWill(client, message(`will ${index}`))
    await expect(persistence.cleanSubscriptions(client)).rejects.toThrow(/overloaded/)
    await expect(persistence.subscriptionsByClient(client)).rejects.toThrow(/overloaded/)
    await expect(persistence.addSubscriptions(client, [{ topic: 'a', qos: 1 }])).rejects.toThrow(/overloaded/)
    await expect(persistence.incomingStorePacket(client, message('a', { qos: 2, messageId: 1 }))).rejects.toThrow(
      /overloaded/,
    )
    const packet = message('a')
    const outcome = (step: { then(done: () => void, failed: (error: Error) => void): void }) =>
      new Promise((resolve) =>
        step.then(
          () => resolve('done'),
          ({ message }) => resolve(message),
        ),
      )
    expect(await outcome(persistence.storeRetained(packet))).toMatch(/overloaded/)
    expect(await outcome(persistence.outgoingEnqueueCombi([{ clientId: client.id }], packet))).toMatch(/overloaded/)
    disk.isBroken = false
    await persistence.committed()
    await persistence.cleanSubscriptions(client)
    expect([state.count('broker_wills'), state.count('broker_retained')]).toEqual([1, 0])
  })
})
