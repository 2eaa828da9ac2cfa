import { MessageChannel } from 'node:worker_threads'
import pino from 'pino'
import { afterEach, expect, it } from 'vitest'
import type { Receipts } from '../../gateway/ingest/batch.ts'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { runWriter } from '../../gateway/ingest/writer.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { Incoming, Outcome } from '../../gateway/ports/ingest.ts'
import { publishPacket } from '../../gateway/wire/publish-packet.ts'
import { until } from '../broker/fixture.ts'

let close = () => {}
afterEach(() => close())

/** A slow store: a commit is under way until the test ends it. */
function slowIntake() {
  const groups: { group: Incoming[]; atMs: number; end(error?: Error): void }[] = []
  const committed: Receipts[] = []
  const { port1: writer, port2 } = new MessageChannel()
  close = () => writer.close()
  runWriter(port2, {
    commit: (group, atMs) =>
      new Promise((resolve, reject) => {
        groups.push({ group, atMs, end: (error) => (error ? reject(error) : resolve({ receipts: [] })) })
      }),
  })
  const clock = new ManualClock(42)
  const intake = createIntake({
    writer,
    clock,
    log: pino({ level: 'silent' }),
    onCommitted: (receipts) => committed.push(receipts),
    maxWaitingMessages: 10,
  })
  const outcomes: Outcome[] = []
  const add = (index: number) =>
    intake.take(publishPacket('adept/v1/a/status', Buffer.from(index % 2 ? 'online' : 'offline')), 1, (outcome) => {
      outcomes[index] = outcome
    })
  return { intake, clock, groups, committed, outcomes, add }
}
const STORED: Outcome = { stored: 1 }
const statusesOf = (group: Incoming[]) => group.map((item) => item.kind === 'status' && item.status)

it('commits what came in one turn together, and holds each ack until then', async () => {
  const { groups, outcomes, add, committed } = slowIntake()
  for (let index = 0; index < 3; index++) add(index)
  expect(groups).toHaveLength(0)
  await until(() => groups.length === 1)
  expect(groups.map(({ group, atMs }) => [statusesOf(group), atMs])).toEqual([[['offline', 'online', 'offline'], 42]])
  expect(outcomes).toEqual([])
  groups[0]!.end()
  await until(() => outcomes.length === 3)
  expect(outcomes).toEqual([STORED, STORED, STORED])
  expect(committed).toEqual([[]])
})

it('has one commit under way; the next takes all that came meanwhile, in order and at its latest time', async () => {
  const { groups, add, intake, clock } = slowIntake()
  add(0)
  await until(() => groups.length === 1)
  for (let index = 1; index < 6; index++) {
    clock.set(100 + index)
    add(index)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const drained = intake.drained()
  expect(groups).toHaveLength(1)
  groups[0]!.end()
  await until(() => groups.length === 2)
  expect(statusesOf(groups[1]!.group)).toEqual(['online', 'offline', 'online', 'offline', 'online'])
  expect(groups[1]!.atMs).toBe(105)
  groups[1]!.end()
  await drained
})

it('has no room while too much waits for a slow store, and has again when half of it is on disk', async () => {
  const { intake, groups, add } = slowIntake()
  add(0)
  await until(() => groups.length === 1)
  for (let index = 1; index < 10; index++) {
    expect(intake.hasRoom()).toBe(true)
    add(index)
  }
  expect(intake.hasRoom()).toBe(false)
  const woken: string[] = []
  intake.whenRoom(() => {
    woken.push('first')
    for (let index = 10; index < 20; index++) add(index)
  })
  intake.whenRoom(() => woken.push('second'))
  groups[0]!.end()
  await until(() => groups.length === 2)
  expect(woken).toEqual([])
  groups[1]!.end()
  await until(() => groups.length === 3)
  expect(woken).toEqual(['first']) // it took all the room
  groups[2]!.end()
  await until(() => woken.length === 2)
})

it('counts bytes as well as messages', async () => {
  const { intake } = slowIntake()
  intake.take(publishPacket('adept/v1/a/event', Buffer.alloc(16_777_216)), 1, () => undefined)
  expect(intake.hasRoom()).toBe(false)
})

it('tries the messages of a failed group one by one, and goes on', async () => {
  const { groups, outcomes, add } = slowIntake()
  add(0)
  add(1)
  await until(() => groups.length === 1)
  groups[0]!.end(new Error('poison'))
  await until(() => groups.length === 2)
  groups[1]!.end(new Error('poison'))
  await until(() => groups.length === 3)
  groups[2]!.end()
  await until(() => outcomes.length === 2)
  expect(outcomes).toEqual([{ stored: 0, fault: new Error('The gateway could not store the message: poison') }, STORED])
  add(2)
  await until(() => groups.length === 4)
})

it('stores the state of the broker in order with the messages, and rejects what is not on disk', async () => {
  const { intake, groups, outcomes, add } = slowIntake()
  add(0)
  await until(() => groups.length === 1)
  add(1)
  const kept = intake.keep([['no-will', 'a']])
  add(2)
  await new Promise((resolve) => setImmediate(resolve))
  groups[0]!.end()
  await until(() => groups.length === 2)
  expect(groups[1]!.group.map((item) => item.kind)).toEqual(['status', 'broker-state', 'status'])
  groups[1]!.end(Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' }))
  await expect(kept).rejects.toThrow('The disk is full')
  expect(outcomes.map(({ stored }) => stored)).toEqual([1, 0, 0])
  expect(groups).toHaveLength(2) // another try would find the same disk
})

it('wakes no other stage for the state of the broker', async () => {
  const { intake, groups, committed, add } = slowIntake()
  const kept = intake.keep([['no-will', 'a']])
  await until(() => groups.length === 1)
  groups[0]!.end()
  await kept
  add(0)
  await until(() => groups.length === 2)
  expect(committed).toEqual([])
  groups[1]!.end()
  await until(() => committed.length === 1)
})

it('fails what waits and what comes once the writer is lost', async () => {
  const { intake, outcomes, add } = slowIntake()
  const fault = new Error('lost')
  add(0)
  intake.fail(fault)
  add(1)
  await until(() => outcomes.length === 2)
  expect(outcomes).toEqual([
    { stored: 0, fault },
    { stored: 0, fault },
  ])
  await intake.drained()
})
