import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { startWriter } from '../../gateway/ingest/thread.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { Outcome } from '../../gateway/ports/ingest.ts'
import { publishPacket } from '../../gateway/wire/publish-packet.ts'
import { level, NOW_MS, temporaryStore, until } from '../broker/fixture.ts'

let store: ReturnType<typeof temporaryStore>
let writer: Awaited<ReturnType<typeof startWriter>>
let lost: Error[]
beforeEach(async () => {
  store = temporaryStore()
  await store.add('washer-1')
  lost = []
  writer = await startWriter(store.db.name, (fault) => lost.push(fault))
})
afterEach(async () => {
  await writer.stop()
  store.close()
})

/** The intake over the thread; `say` gives one report and keeps what became of it. */
function intakeOf() {
  const intake = createIntake({
    writer: writer.port,
    clock: new ManualClock(NOW_MS),
    log: pino({ level: 'silent' }),
    onCommitted: () => undefined,
  })
  const outcomes = new Map<number, Outcome>()
  const say = (seq: number) =>
    intake.take(publishPacket('adept/v1/washer-1/consumable', Buffer.from(level(seq, 1000))), 1, (outcome) =>
      outcomes.set(seq, outcome),
    )
  return { intake, outcomes, say }
}
const seqs = () => store.db.prepare('SELECT seq FROM readings ORDER BY reading_id').pluck().all()
const hundred = Array.from({ length: 100 }, (_, index) => index)

it('stores in the order of the taking, and is drained when all of it is on disk', async () => {
  const { intake, outcomes, say } = intakeOf()
  for (const seq of hundred) {
    say(seq)
    if (seq % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await intake.drained()
  expect(seqs()).toEqual(hundred)
  expect([...outcomes.keys()]).toEqual(hundred)
  expect([...outcomes.values()].every(({ stored, fault }) => stored === 1 && fault === undefined)).toBe(true)
})

it('fails the one message that the database refuses, and stores the others of its commit', async () => {
  store.db.exec(`CREATE TRIGGER refuse BEFORE INSERT ON readings WHEN NEW.seq = 13
                 BEGIN SELECT RAISE(ABORT, 'thirteen is not stored'); END`)
  const { intake, outcomes, say } = intakeOf()
  for (const seq of hundred) say(seq)
  await intake.drained()
  expect(seqs()).toEqual(hundred.filter((seq) => seq !== 13))
  expect([...outcomes].filter(([, { fault }]) => fault !== undefined)).toEqual([
    [13, { stored: 0, fault: new Error('The gateway could not store the message: thirteen is not stored') }],
  ])
  store.db.exec('DROP TRIGGER refuse')
  say(13)
  await intake.drained()
  expect(seqs().at(-1)).toBe(13)
})

it('waits for another connection that writes, and then stores', async () => {
  store.db.exec('BEGIN IMMEDIATE')
  const { intake, outcomes, say } = intakeOf()
  for (const seq of hundred) say(seq)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(outcomes.size).toBe(0)
  store.db.exec('COMMIT')
  await intake.drained()
  expect(seqs()).toEqual(hundred)
})

it('sees what others wrote to a slot between two commits', async () => {
  const { intake, say } = intakeOf()
  const description = { maker: 'M', model: '1', slots: [{ slot: 'detergent', unit: 'ml', capacity: 1400 }] }
  intake.take(
    publishPacket('adept/v1/washer-1/description', Buffer.from(JSON.stringify(description))),
    1,
    () => undefined,
  )
  say(0)
  await intake.drained()
  const markOf = (seq: number) => store.db.prepare('SELECT mark FROM readings WHERE seq = ?').pluck().get(seq)
  expect(markOf(0)).toBe('verified')
  store.db.exec('UPDATE slots SET stuck_remaining = 1000')
  say(1)
  await intake.drained()
  expect(markOf(1)).toBe('unverified')
})

it('tells that the thread is lost, with what it died of', async () => {
  const { outcomes, say, intake } = intakeOf()
  writer.port.postMessage({ kind: 'messages', receivedAtMs: 0, count: 1, packets: Uint8Array.of(0x30, 9) })
  await until(() => lost.length === 1)
  expect(lost[0]?.message).toBe('The thread that stores what devices say has ended: The intake sent half a packet.')
  say(0)
  intake.fail(lost[0]!)
  await until(() => outcomes.size === 1)
  expect(outcomes.get(0)).toEqual({ stored: 0, fault: lost[0] })
})

it('says why it cannot begin', async () => {
  const file = join(dirname(store.db.name), 'no-database')
  writeFileSync(file, 'something else, as long as the head of a database has to be to look like one'.repeat(100))
  await expect(startWriter(file, () => undefined)).rejects.toThrow('Restore your newest backup')
})
