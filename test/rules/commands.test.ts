import { afterEach, beforeEach, expect, it } from 'vitest'
import { commandAnswers, commandWorker } from '../../gateway/rules/commands.ts'
import { sqliteCommandStore } from '../../gateway/store/commands.ts'
import { type HomeRecord, openRecord } from './record.ts'

let home: HomeRecord
const told: object[] = []
beforeEach(async () => {
  home = await openRecord({
    rules: 'rules: [{ name: lamp, when: { event: done }, then: { command: { name: lamp, arguments: { on: true } } } }]',
  })
  told.length = 0
  await home.level(900)
  await home.event('done')
  await home.drain()
})
afterEach(() => home.close())

function line() {
  const store = sqliteCommandStore(home.db, [])
  const worker = commandWorker({
    store,
    clock: home.clock,
    tell: async (deviceId, command) => void told.push({ deviceId, ...command }),
  })
  const faults: unknown[] = []
  return {
    worker,
    faults,
    answer: commandAnswers({ store, clock: home.clock, onFault: (fault) => faults.push(fault) }),
  }
}
const problems = async () =>
  (await home.feed.feed('home', 0, 100)).filter(({ kind }) => kind === 'problem').map(({ text }) => text)

it('is told again and again with the same id, ever more rarely, until the device answers', async () => {
  const { worker, answer, faults } = line()
  expect(await worker.step()).toEqual({ worked: true, nextDueAtMs: home.clock.nowMs() + 10_000 })
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: home.clock.nowMs() + 10_000 })
  home.clock.set(home.clock.nowMs() + 10_000)
  expect(await worker.step()).toEqual({ worked: true, nextDueAtMs: home.clock.nowMs() + 20_000 })
  const command = { deviceId: 'washer-1', id: 'rule-1', name: 'lamp', arguments: { on: true } }
  expect(told).toEqual([command, command])
  for (const id of ['c-81', 'rule-', 'xrule-1', 'rule-1x', 'rule-2']) answer('washer-1', { id, ok: true })
  answer('dryer-1', { id: 'rule-1', ok: true })
  home.clock.set(home.clock.nowMs() + 20_000)
  expect((await worker.step()).worked).toBe(true)
  answer('washer-1', { id: 'rule-1', ok: true })
  answer('washer-1', { id: 'rule-1', ok: false, error: 'late' })
  home.clock.set(home.clock.nowMs() + 1e9)
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: undefined })
  expect(told).toHaveLength(3)
  expect(await problems()).toEqual([])
  expect(faults).toEqual([])
})

it('that the device cannot do is told to the homeowner', async () => {
  const { worker, answer } = line()
  await worker.step()
  answer('washer-1', { id: 'rule-1', ok: false, error: 'busy' })
  expect(await problems()).toEqual(['washer-1 could not do the command lamp: busy'])
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: undefined })
})

it('is given up after about a day, and the homeowner is told', async () => {
  const { worker } = line()
  for (let step = 0; step < 100; step++) {
    const { nextDueAtMs } = await worker.step()
    if (nextDueAtMs === undefined) break
    home.clock.set(nextDueAtMs)
  }
  expect(told).toHaveLength(31)
  expect(await problems()).toEqual(['washer-1 never answered the command lamp, which is given up: is it switched on?'])
})

it('whose answer cannot be kept is a fault, not a crash', async () => {
  const { answer, faults } = line()
  home.db.exec('DROP TABLE commands')
  answer('washer-1', { id: 'rule-1', ok: true })
  await new Promise(setImmediate)
  expect(faults).toHaveLength(1)
})
