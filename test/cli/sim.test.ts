import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ADEPT, adeptOn } from './run-adept.ts'

const folder = mkdtempSync(join(tmpdir(), 'adept-sim-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))
const { run, json } = adeptOn(() => join(folder, 'no gateway'))

const SCENARIO = `about: some homes
population: { homes: 6, fullAtStart: { least: 0, most: 0.1 } }
days: 15
tickMinutes: 240
holds:
  stockOutDaysPerHomeYear: 0
`
const mine = join(folder, 'mine.yaml')
beforeAll(() => writeFileSync(mine, SCENARIO))

it('plays a scenario, writes the reports, and ends with 0 when all holds', async () => {
  const reports = join(folder, 'reports')
  const { code, out, err } = await run('sim', 'run', 'first-orders', '--report', reports)
  expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('day') })
  expect(out).toMatch(/^first-orders: 3 homes, 30 days, seed 1, pure; /)
  expect(out).toContain('✔ There are enough orders')
  for (const file of ['report.html', 'junit.xml', 'report.json']) expect(existsSync(join(reports, file))).toBe(true)
  const report = JSON.parse(readFileSync(join(reports, 'report.json'), 'utf8'))
  expect(report).toMatchObject({ ok: true, seed: '1', result: { homes: 3 } })
})

it('ends with 1 when something does not hold, with the seed and the smallest scenario that plays it again', async () => {
  const { code, out } = await run('sim', 'run', mine, '--seed', 'other one', '--homes', '5')
  expect(code).toBe(1)
  expect(out).toContain('✘ Appliances seldom lack what they need')
  expect(out).toContain(
    `It fails with seed other one. This plays it again:\n  adept sim run ${mine} --pure --seed 'other one' --homes 5`,
  )
  const [, smallest = ''] = /tries\):\n {2}adept (.*)$/m.exec(out) ?? []
  expect(smallest).toContain('--homes 1')
  const again = await run(
    ...smallest
      .replace(`'other one'`, 'other_one')
      .split(' ')
      .map((word) => word.replace('other_one', 'other one')),
    '--no-shrink',
  )
  expect(again.code).toBe(1)
  expect(again.out).not.toContain('tries')
})

it('keeps the summary when the report cannot be written', async () => {
  const reports = join(folder, 'no reports')
  mkdirSync(join(reports, 'report.html'), { recursive: true })
  const { code, out, err } = await run('sim', 'run', 'first-orders', '--report', reports)
  expect(code).toBe(1)
  expect(out).toContain('✔ There are enough orders')
  expect(out).not.toContain('The report is in')
  expect(err).toContain(`--report ${reports}: a folder in it has the name of a report.`)
})

it('looks for nothing smaller when only the number of orders fails, and does not judge it of other days', async () => {
  const few = join(folder, 'few.yaml')
  writeFileSync(few, SCENARIO.replace('stockOutDaysPerHomeYear: 0', 'orders: { atMost: 0 }'))
  const failed = await run('sim', 'run', few)
  expect(failed.code).toBe(1)
  expect(failed.out).toContain('note: No smaller scenario was looked for: only the number of orders or packs fails')
  expect(failed.out).not.toContain('tries')
  const shorter = await run('sim', 'run', few, '--days', '14')
  expect(shorter.code).toBe(0)
  expect(shorter.out).toContain('note: The number of orders is not judged: its bounds are for the 6 homes')
})

it('says what does not happen in a pure run, and lists only what does', async () => {
  const faulty = join(folder, 'faulty.yaml')
  const faults = 'faults: { kills: { gateway: 2 }, sellerOutages: { everyDays: 5 } }\n'
  writeFileSync(faulty, SCENARIO + faults)
  const { out } = await run('sim', 'check', faulty)
  expect(out).toContain('What goes wrong: sellerOutages.\nWhat does not happen in a pure run: kills.')
  expect(out).toContain('the seller is away')
  expect(out).not.toContain('kill -9')
  const ran = await run('sim', 'run', faulty, '--no-shrink')
  expect(ran.out).toContain('note: What does not happen in a pure run: kills.')
})

it('prints one JSON object', async () => {
  const { out } = await run('sim', 'run', mine, '--json', '--no-shrink')
  expect(JSON.parse(out)).toMatchObject({ ok: false, kind: 'pure', homes: 6, smallest: null, result: { devices: 6 } })
})

it('lists what is shipped, and checks a file', async () => {
  expect(await json('sim', 'list')).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: 'ci', run: 'real', days: 60 })]),
  )
  const checked = await run('sim', 'check', 'ci')
  expect(checked.out).toContain('ci.yaml is all right: a real run of 200 homes for 60 days')
  expect(checked.out).toMatch(/day +\d+\.\d {2}kill -9 gateway/)
})

it.each([
  [['run', 'nothing'], 'There is no scenario nothing'],
  [['check', './nothing.yaml'], 'There is no file ./nothing.yaml.'],
  [['run', 'ci', '--pure', '--real'], "option '--pure' cannot be used with option '--real'"],
  [['run', 'ci', '--without', 'rain'], 'rain is no kind of fault. There are flaps'],
  [['run', 'ci', '--homes', '0'], 'Give a whole number above 0.'],
  [['run', 'first-orders', '--days', '100000'], '--days 100000: it is at most 3650.'],
  [['run', './device-sim'], './device-sim is a folder. Name a file of it'],
  [
    ['run', 'first-orders', '--report', './package.json'],
    'The reports cannot be written to --report ./package.json: it is a file, and reports go into a folder.',
  ],
  [['run', 'first-orders', '--report', ''], 'there is no such place, and it cannot be made.'],
  [['run', 'first-orders', '--report', '/proc/reports/mine'], 'there is no such place, and it cannot be made.'],
  [
    ['run', 'first-orders', '--report', './package.json/reports'],
    'The reports cannot be written to --report ./package.json/reports: a part of it is a file.',
  ],
])('ends with 2 for %j', async (args, sentence) => {
  const { code, err } = await run('sim', ...args)
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(sentence) })
})

it('names each mistake of a file with its line', async () => {
  const bad = join(folder, 'bad.yaml')
  writeFileSync(bad, SCENARIO.replace('homes: 6', 'homes: many').replace('days:', 'dais:'))
  const { code, err } = await run('sim', 'run', bad)
  expect(code).toBe(2)
  expect(err).toContain(`${bad}:2: population.homes: it is a whole number.`)
  expect(err).toContain(`${bad}:3: dais is not known here. There are about, population,`)
})

it('says when an answer cannot be written', async () => {
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [ADEPT, 'sim', 'list', '--json'], { stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  let err = ''
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect({ code, err }).toEqual({ code: 1, err: 'The answer cannot be written: the disk is full.\n' })
})
