import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { NOW_MS } from '../web/placed-orders.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

const RULES = `
rules:
  - name: half
    when: { level: { below: 50 % } }
    then: { order: { packs: 1 }, notify: Half. }
`
let gateway: RunningGateway
let folder: string
const { run } = adeptOn(() => gateway.dataFolder)
const alone = adeptOn(() => folder)
beforeEach(async () => {
  gateway = await runGateway()
  folder = mkdtempSync(join(tmpdir(), 'rules-cli-'))
})
afterEach(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true })
})

async function washerWithReadings(): Promise<void> {
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const intake = sqliteIntakeStore(gateway.db)
  const slot = { slot: 'detergent', unit: 'ml', capacity: 1400, degradationDirection: 'down', replacementProducts: [] }
  const description = { maker: 'M', model: 'X', slots: [slot] } as never
  await intake.commit([{ kind: 'description', deviceId: 'washer', description, body: '' }], NOW_MS)
  for (const [seq, remaining] of [1400, 1100, 800, 500].entries()) {
    const level = { slot: 'detergent', remaining, unit: 'ml' as const }
    const measuredAtMs = NOW_MS - (3 - seq) * 86_400_000
    const report = {
      deviceId: 'washer',
      session: 's',
      seq,
      kind: 'consumable' as const,
      measuredAtMs,
      body: '{}',
      level,
    }
    await intake.commit([{ kind: 'report', report }], measuredAtMs)
  }
}

it('a file is checked without a gateway: its mistakes have lines, its rules are listed', async () => {
  const file = join(folder, 'mine.yaml')
  writeFileSync(file, RULES)
  const good = await alone.run('rules', 'check', file)
  expect(good).toMatchObject({ code: 0, err: '' })
  expect(good.out).toMatch(/mine\.yaml is all right\.\n\nRULE {2}WHEN {3}THEN\nhalf {2}level {2}order, notify\n/)
  expect(await alone.json('rules', 'check', file)).toEqual({ ok: true, rules: ['half'], budgets: [] })
  writeFileSync(file, RULES.replace('level', 'lvel'))
  const bad = await alone.run('rules', 'check', file)
  expect(bad.code).toBe(1)
  expect(bad.err).toContain(`${file}:4: rules[1].when.lvel is not known here.`)
  expect(bad.err).toContain('Nothing was changed: the rules in force stay.')
  const none = await alone.run('rules', 'check')
  expect(none).toMatchObject({ code: 1, out: '' })
  expect(none.err).toContain(`${join(folder, 'rules.yaml')} cannot be used: it does not exist`)
})

it('the rules in force are shown', async () => {
  const shown = await run('rules')
  expect(shown.out).toMatch(/^# Version 1: the built-in ones\.\n/)
  expect(shown.out).toContain('order what the forecast needs')
  expect(JSON.parse((await run('rules', 'show', '--json')).out)).toMatchObject({ version: 1, source: 'built-in' })
})

it('a slot is explained', async () => {
  await washerWithReadings()
  const nothing = await run('rules', 'explain', 'washer/detergent')
  expect(nothing.out).toMatch(/^washer detergent, mode notify, suspended: new slot/)
  expect(nothing.out).toContain('nothing was decided yet')
  expect((await run('rules', 'explain', 'washer/salt')).err).toBe(
    'washer has no slot salt. See the slots with `adept devices`.\n',
  )
  expect((await run('rules', 'explain', 'washer')).err).toContain('write device/slot')
  expect((await run('rules', 'explain', 'washer')).code).toBe(2)
  expect(JSON.parse((await run('rules', 'explain', 'washer/detergent', '--json')).out)).toMatchObject({
    slot: 'detergent',
  })
})

it('other rules are tried on the record', async () => {
  await washerWithReadings()
  const file = join(folder, 'mine.yaml')
  writeFileSync(file, RULES)
  const trial = await run('rules', 'try', file, '--since', '90d')
  expect(trial).toMatchObject({ code: 0, err: '' })
  expect(trial.out).toContain('washer detergent: 0 would have been ordered, 0 were. Besides: 1 × low, 0 × told')
  writeFileSync(file, 'rules: []')
  const bad = await run('rules', 'try', file)
  expect(bad).toMatchObject({ code: 1 })
  expect(bad.err).toContain('mine.yaml:1: rules: there must be at least one rule')
  expect((await run('rules', 'try', file, '--since', 'ever')).code).toBe(2)
})

it('decisions are made again', async () => {
  await washerWithReadings()
  const same = await run('replay')
  expect(same).toEqual({
    code: 0,
    out: '0 decisions were made again from 4 readings: all are as they were.\n',
    err: '',
  })
  gateway.db.exec(
    `INSERT INTO decisions (device_id, slot, at_ms, outcome, reasons, inputs, decision, rules_version, read_until, first_at_ms)
     VALUES ('washer', 'detergent', 5, 'nothing', '[]', '{"timeZone":"UTC","level":{}}', '{}', 1, 0, 5)`,
  )
  const other = await run('replay')
  expect(other.code).toBe(1)
  expect(other.out).toContain('1 differs. The first is decision 1, of washer detergent at ')
  expect(JSON.parse((await run('replay', '--json')).out)).toMatchObject({ kind: 'done', differing: 1 })
})

it('stock on the shelf is entered', async () => {
  await washerWithReadings()
  const set = await run('stock', 'set', 'washer/detergent', '2800')
  expect(set.out).toBe('Noted: 2800 ml for washer detergent beside what is in it.\n')
  expect(gateway.db.prepare('SELECT reserve FROM slot_needs').get()).toEqual({ reserve: 2800 })
  expect((await run('stock', 'set', 'washer/salt', '1')).err).toContain('washer has no slot salt')
  expect((await run('stock', 'set', 'washer/detergent', 'much')).code).toBe(2)
})
