import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { findImage } from '../../firmware-bridge/flash/release.ts'
import { type RunningBridge, startBridge } from '../../firmware-bridge/main.ts'
import { type SimulatedBoard, startSimulatedBoard } from '../../firmware-bridge/simulator/board.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

let gateway: RunningGateway
let bridge: RunningBridge
let board: SimulatedBoard
let folder: string
const { run: adept, json, start } = adeptOn(() => gateway.dataFolder)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'adept-boards-'))
  gateway = await runGateway()
  board = await startSimulatedBoard({ hex: findImage('LoadCell').file, link: join(folder, 'board-1') })
  bridge = await startBridge({
    dataFolder: gateway.dataFolder,
    ports: [join(folder, 'board-*')],
    log: pino({ level: 'silent' }),
  })
})

afterAll(async () => {
  await bridge?.stop()
  await board?.stop()
  await gateway?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const theBoard = async () => ((await json('board', 'list')) as BoardView[])[0]

test('a board goes from its first hello to signed levels, command by command', async () => {
  await expect
    .poll(async () => (await adept('board', 'list')).out, { timeout: 10_000 })
    .toMatch(
      /board-1 +\(load-cell\) +unpaired +1\.0\.0 +not a device yet: adept board pair \S+board-1 <id>; it does not know its zero/,
    )
  for (const [args, code, pattern] of [
    [[board.path], 2, /^Give the board a name: adept board pair \S+ bottle-1\n$/],
    [[board.path, 'bottle-1', '--capacity', 'much'], 2, /Give a number above 0/],
    [[board.path, 'bottle-1', '--gtin', '4006381333932'], 2, /check digit of this GTIN is wrong/],
    [[board.path, 'bottle-1', '--gtin', '4006381333931'], 2, /^Give --capacity too/],
  ] as const) {
    expect(await adept('board', 'pair', ...args)).toEqual({ code, out: '', err: expect.stringMatching(pattern) })
  }
  expect(await adept('board', 'pair', '/dev/other', 'bottle-1', '--capacity', '900')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^There is no board \/dev\/other\. See them with `adept board list`\./),
  })
  const refused = await adept('board', 'pair', board.path, 'bottle-1', '--capacity', '900', '--unit', 'ml')
  expect(refused).toMatchObject({ code: 1, err: 'The board measures detergent in g, not in ml.\n' })
  expect((await adept('board', 'pair', board.path, 'a-very-long-name', '--capacity', '900')).err).toMatch(
    /^a-very-long-name is too long: a board keeps a name of at most 15 characters\.\n$/,
  )
  expect(await json('devices')).toEqual([])
  const product = ['--capacity', '900', '--gtin', '4006381333931']
  const paired = await adept('board', 'pair', board.path, 'bottle-1', ...product)
  expect(paired).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^bottle-1 is paired: it signs[\s\S]*board calibrate bottle-1/),
  })
  expect(await theBoard()).toMatchObject({ deviceId: 'bottle-1', signed: true, trouble: 'uncalibrated' })

  expect((await adept('board', 'calibrate', 'bottle-1')).err).toMatch(/Nobody is here to answer/)
  expect((await adept('board', 'calibrate', 'bottle-1', '--tare')).out).toMatch(/The other half is still missing: put/)
  expect((await adept('board', 'calibrate', 'bottle-1', '--known', '500')).err).toMatch(/hardly any difference/)
  board.setGrams(500)
  const log = start('board', 'log', 'bottle-1')
  let said = ''
  log.stdout.on('data', (chunk) => {
    said += chunk
  })
  await expect.poll(() => log.exitCode === null && (bridge.view()[0]?.counts.lines ?? 0)).toBeGreaterThan(0)
  const scaled = await adept('board', 'calibrate', 'bottle-1', '--known', '500')
  expect(scaled).toMatchObject({ code: 0, out: expect.stringMatching(/^Noted\. It reads detergent (49|50)\d g\.\n$/) })
  await expect
    .poll(async () => (await theBoard())?.levels[0], { timeout: 10_000 })
    .toMatchObject({ slot: 'detergent', unit: 'g' })
  expect((await theBoard())?.levels[0]?.remaining).toBeGreaterThan(490)
  expect((await adept('board', 'list')).out).toMatch(/board-1 +bottle-1 +online +1\.0\.0 +detergent (49|50)\d g/)
  await expect.poll(() => said).toMatch(/→ \{"t":"lvl".*"m":"[0-9a-f]{16}"\}/)
  const again = await adept('board', 'pair', 'bottle-1')
  expect(again).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^bottle-1 is paired: it signs its levels with a new key/),
  })
  expect((await adept('board', 'pair', 'bottle-1', 'bottle-2')).err).toMatch(
    /bottle-2 was not paired here before: give its --capacity/,
  )
  log.kill('SIGINT')
  expect(await new Promise((resolve) => log.on('close', resolve))).toBe(0)
}, 60_000)

test('what cannot be flashed is said before the board is touched', async () => {
  const cases: [string[], number, RegExp][] = [
    [
      ['bottle-1'],
      2,
      /^Say what to write: --image with LoadCell, AnalogLevel, RunningLowButton or a file; or --rollback\.\n$/,
    ],
    [['bottle-1', '--image', 'LoadCell', '--rollback'], 2, /^Say what to write/],
    [['bottle-1', '--image', 'Toaster'], 1, /^There is no image Toaster/],
    [['bottle-1', '--rollback'], 1, /^No image was kept of this board/],
    [['toaster', '--image', 'LoadCell'], 1, /^There is no board toaster/],
    [['/dev/not-there', '--image', 'LoadCell'], 1, /^\/dev\/not-there is gone: plug the board in again\.\n$/],
    [['bottle-1', '--image', 'LoadCell', '--data', join(folder, 'nowhere')], 1, /^There is no gateway in/],
  ]
  for (const [args, code, err] of cases) {
    expect(await adept('board', 'flash', ...args)).toEqual({ code, out: '', err: expect.stringMatching(err) })
  }
}, 60_000)

test('without a bridge each command says how to start it', async () => {
  const data = join(folder, 'no-bridge')
  mkdirSync(data)
  for (const args of [['list'], ['log', 'bottle-1'], ['calibrate', 'bottle-1', '--tare']]) {
    expect(await adept('board', ...args, '--data', data)).toEqual({
      code: 1,
      out: '',
      err: `No bridge runs on ${data}. Start it with: npm run bridge -- --data ${data}\n`,
    })
  }
})
