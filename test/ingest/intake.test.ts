import pino from 'pino'
import { expect, it } from 'vitest'
import { createIntake, type Receipts } from '../../gateway/ingest/intake.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { Incoming } from '../../gateway/ports/ingest.ts'

/** A slow store, as a writer thread would be: a commit is under way until the test ends it. */
function slowIntake() {
  const groups: { group: Incoming[]; atMs: number; end(error?: Error): void }[] = []
  const committed: Receipts[] = []
  const intake = createIntake({
    store: {
      commit: (group, atMs) =>
        new Promise((resolve, reject) => {
          groups.push({ group, atMs, end: (error) => (error ? reject(error) : resolve({ receipts: [] })) })
        }),
    },
    clock: new ManualClock(42),
    log: pino({ level: 'silent' }),
    onCommitted: (receipts) => committed.push(receipts),
  })
  const outcomes: (string | undefined)[] = []
  const add = (index: number) =>
    intake.add('adept/v1/a/status', Buffer.from(index % 2 ? 'online' : 'offline'), (error) => {
      outcomes[index] = error === undefined ? 'stored' : error.message
    })
  return { intake, groups, committed, outcomes, add }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

it('commits what came in one turn together, and holds each ack until then', async () => {
  const { groups, outcomes, add, committed } = slowIntake()
  for (let index = 0; index < 3; index++) add(index)
  expect(groups).toHaveLength(0)
  await turn()
  expect(groups.map(({ group, atMs }) => [group.length, atMs])).toEqual([[3, 42]])
  expect(outcomes).toEqual([])
  groups[0]!.end()
  await turn()
  expect(outcomes).toEqual(['stored', 'stored', 'stored'])
  expect(committed).toEqual([[]])
})

it('has one commit under way; the next takes all that came meanwhile, in order', async () => {
  const { groups, add, intake } = slowIntake()
  add(0)
  await turn()
  for (let index = 1; index < 6; index++) add(index)
  await turn()
  expect(groups).toHaveLength(1)
  const drained = intake.drained()
  groups[0]!.end()
  await turn()
  expect(groups[1]!.group.map((item) => item.kind === 'status' && item.status)).toEqual([
    'online',
    'offline',
    'online',
    'offline',
    'online',
  ])
  groups[1]!.end()
  await drained
})

it('refuses without an ack what comes when 10,000 messages wait for a slow store', async () => {
  const { groups, outcomes, add } = slowIntake()
  add(0)
  await turn()
  for (let index = 1; index <= 10_001; index++) add(index)
  await turn()
  expect(outcomes.findIndex((outcome) => outcome !== undefined)).toBe(10_001)
  expect(outcomes[10_001]).toContain('overloaded')
  groups[0]!.end()
  await turn()
  groups[1]!.end()
  await turn()
  expect(outcomes.slice(0, 10_001).every((outcome) => outcome === 'stored')).toBe(true)
})

it('tries the messages of a failed group one by one, and goes on', async () => {
  const { groups, outcomes, add } = slowIntake()
  add(0)
  add(1)
  await turn()
  groups[0]!.end(new Error('poison'))
  await turn()
  groups[1]!.end(new Error('poison'))
  await turn()
  groups[2]!.end()
  await turn()
  expect(outcomes).toEqual(['The gateway could not store the message.', 'stored'])
  add(2)
  await turn()
  expect(groups).toHaveLength(4)
})
