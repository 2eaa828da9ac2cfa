import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

it('records what the devices reported, beside the gateway that runs', async () => {
  await gateway.call('/v1/devices', { deviceId: 'annas-washer' })
  const intake = sqliteIntakeStore(gateway.db)
  const nowMs = Date.now()
  for (const [seq, remaining] of [1400, 1100, 800].entries()) {
    const level = { slot: 'detergent', remaining, unit: 'ml' as const }
    const receivedAtMs = nowMs - (40 - seq * 15) * DAY_MS
    const report = {
      ...{ deviceId: 'annas-washer', session: 'secret', seq, kind: 'consumable' as const },
      ...{ measuredAtMs: receivedAtMs, body: JSON.stringify({ session: 'secret', seq, ...level }), level },
    }
    await intake.commit([{ kind: 'report', report }], receivedAtMs)
  }
  const file = join(folder, 'mine.jsonl')
  const { code, out } = await run('sim', 'record', file)
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('2 readings of 1 devices are in') })
  const text = readFileSync(file, 'utf8')
  expect(text).not.toMatch(/anna|secret/)
  const levels = parseRecording(text, file).readings.map(({ body }) =>
    'remaining' in body ? body.remaining : undefined,
  )
  expect(levels).toEqual([1100, 800])
  expect(await json('sim', 'record', file, '--since', '60d')).toMatchObject({ readings: 3 })
})

it('says what to do when there is nothing to record or to play', async () => {
  const file = join(folder, 'mine.jsonl')
  expect(await run('sim', 'record', file)).toMatchObject({
    code: 1,
    err: 'No device reported anything in this time: there is nothing to record.\n',
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
