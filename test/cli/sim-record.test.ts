import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseRecording } from '../../device-sim/record/recording.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

const DAY_MS = 86_400_000
let gateway: RunningGateway
let folder: string
const { run, json } = adeptOn(() => gateway.dataFolder)
const alone = adeptOn(() => folder)
beforeEach(async () => {
  gateway = await runGateway()
  folder = mkdtempSync(join(tmpdir(), 'record-cli-'))
})
afterEach(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true })
})

/** One level of detergent a time, so many days ago. */
async function measured(deviceId: string, levels: { remaining: number; daysAgo: number }[]): Promise<void> {
  const intake = sqliteIntakeStore(gateway.db)
  const nowMs = Date.now()
  for (const [seq, { remaining, daysAgo }] of levels.entries()) {
    const level = { slot: 'detergent', remaining, unit: 'ml' as const }
    const receivedAtMs = nowMs - daysAgo * DAY_MS
    const report = {
      ...{ deviceId, session: 'secret', seq, kind: 'consumable' as const },
      ...{ measuredAtMs: receivedAtMs, body: JSON.stringify({ session: 'secret', seq, ...level }), level },
    }
    await intake.commit([{ kind: 'report', report }], receivedAtMs)
  }
}

const levelsIn = (file: string) =>
  parseRecording(readFileSync(file, 'utf8'), file).readings.map(({ body }) =>
    'remaining' in body ? body.remaining : undefined,
  )

it('records the last 30 days of what the devices reported, however long ago, beside the gateway that runs', async () => {
  await gateway.call('/v1/devices', { deviceId: 'annas-washer' })
  await measured('annas-washer', [
    { remaining: 1400, daysAgo: 241 },
    { remaining: 1100, daysAgo: 225 },
    { remaining: 800, daysAgo: 210 },
  ])
  const file = join(folder, 'mine.jsonl')
  const { code, out } = await run('sim', 'record', file)
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('2 readings of 1 devices are in') })
  expect(readFileSync(file, 'utf8')).not.toMatch(/anna|secret/)
  expect(levelsIn(file)).toEqual([1100, 800])
  expect(await json('sim', 'record', file, '--since', '60d')).toMatchObject({ readings: 3 })
})

it('records one home: the one that is named, else the configured one', async () => {
  await gateway.call('/v1/homes', { homeId: 'cabin', timeZone: 'Europe/Oslo' })
  await gateway.call('/v1/devices', { deviceId: 'washer-1' })
  await gateway.call('/v1/devices?home=cabin', { deviceId: 'washer-2' })
  await measured('washer-1', [{ remaining: 900, daysAgo: 2 }])
  await measured('washer-2', [{ remaining: 300, daysAgo: 1 }])
  const file = join(folder, 'mine.jsonl')
  expect(await json('sim', 'record', file)).toMatchObject({ devices: 1 })
  expect(levelsIn(file)).toEqual([900])
  expect(await json('--home', 'cabin', 'sim', 'record', file)).toMatchObject({ devices: 1 })
  expect(levelsIn(file)).toEqual([300])
  expect(await run('sim', 'record', file, '--home', 'castle')).toEqual({
    ...{ code: 2, out: '' },
    err: 'There is no home castle. See all with `adept home list`.\n',
  })
})

it('says in its help how far back it goes, and which names it keeps', async () => {
  const { out } = await run('sim', 'record', '--help')
  expect(out).toMatch(/--since <duration>[^-]*\(default: 30d\)/)
  expect(out).toMatch(/the slots, events, programs and faults of the simulator's appliances/)
})

it('says what to do when there is nothing to record or to play', async () => {
  const file = join(folder, 'mine.jsonl')
  expect(await run('sim', 'record', file)).toMatchObject({
    code: 1,
    err: 'No device of the home home reported anything: there is nothing to record.\n',
  })
  expect(await alone.run('sim', 'record', file)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^There is no gateway in /),
  })
  expect(existsSync(file)).toBe(false)
  writeFileSync(file, 'nonsense\n')
  expect(await run('sim', 'replay', file)).toMatchObject({
    code: 2,
    err: `${file}:1: this is no line of a recording; make one with \`adept sim record\`.\n`,
  })
  expect((await run('sim', 'replay', file, '--speed', '-1')).code).toBe(2)
})

it('names a file that it cannot use as it was typed', async () => {
  await gateway.call('/v1/devices', { deviceId: 'washer-1' })
  await measured('washer-1', [{ remaining: 900, daysAgo: 2 }])
  const absent = join(folder, 'no', 'mine.jsonl')
  writeFileSync(join(folder, 'file'), 'nonsense')
  const below = join(folder, 'file', 'mine.jsonl')
  const noFile = (file: string) =>
    `There is no file ${file}: name another one, or make a recording with \`adept sim record ${file}\`.`
  const sentences = [
    ['replay', absent, noFile(absent)],
    ['replay', folder, `${folder} is a folder: name the recording in it.`],
    ['replay', below, noFile(below)],
    ['record', absent, `There is no folder ${dirname(absent)}: make it, or name a file elsewhere.`],
    ['record', folder, `${folder} is a folder: name a file in it, or another one.`],
    ['record', below, `There is no folder ${dirname(below)}: make it, or name a file elsewhere.`],
  ] as const
  for (const [verb, file, sentence] of sentences) {
    expect(await run('sim', verb, file)).toEqual({ code: 2, out: '', err: `${sentence}\n` })
  }
  expect(readdirSync(folder)).toEqual(['file'])
})
