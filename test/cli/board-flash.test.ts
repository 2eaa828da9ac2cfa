import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { formatIntelHex } from '../../firmware-bridge/firmware/image.ts'
import { findImage } from '../../firmware-bridge/flash/release.ts'
import { type RunningBridge, startBridge } from '../../firmware-bridge/main.ts'
import { Simavr } from '../support/simavr/simavr-board.ts'
import { type RunningGateway, runGateway } from '../web/running-gateway.ts'
import { adeptOn } from './run-adept.ts'

const simavr = new Simavr()
const folder = mkdtempSync(join(tmpdir(), 'adept-flash-'))
const port = join(folder, 'board-1')
let gateway: RunningGateway
let bridge: RunningBridge
const { run: adept, json } = adeptOn(() => gateway.dataFolder)

beforeAll(async () => {
  gateway = await runGateway()
  const board = await simavr.start(simavr.chip('uno', 'optiboot', findImage('AnalogLevel').file))
  symlinkSync(board.path, port)
  const log = pino({ level: 'silent' })
  bridge = await startBridge({ dataFolder: gateway.dataFolder, ports: [join(folder, 'board-*')], log })
})

afterAll(async () => {
  await bridge?.stop()
  await simavr.close()
  await gateway?.stop()
  rmSync(folder, { recursive: true })
})

test('the bridge lends the port to avrdude and hears the new hash; a rollback goes back', async () => {
  const shown = async () => ((await json('board', 'list')) as BoardView[])[0]
  await expect.poll(async () => (await shown())?.boardId, { timeout: 15_000 }).toBe('analog-level')

  // A board that measures in percent is full at 100.
  expect((await adept('board', 'pair', port, 'tank-1')).out).toMatch(/^tank-1 is paired: it signs/)

  const own = join(folder, 'own.hex')
  writeFileSync(own, formatIntelHex(Buffer.alloc(1_000, 1)))
  expect(await adept('board', 'flash', port, '--image', own)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/own\.hex \(SHA-256 [0-9a-f]{64}\) is none of the released images\..*add --own\.\n$/),
  })

  const flashed = await adept('board', 'flash', 'tank-1', '--image', 'RunningLowButton')
  expect(flashed).toEqual({
    code: 0,
    out: expect.stringMatching(
      /has RunningLowButton 1\.0\.0 now, verified\. It says that it runs 1\.0\.0\.\n.* buys nothing before `adept device confirm tank-1 --mode …`\.\n$/,
    ),
    err: 'Keep the old\nWrite\nVerify\n',
  })
  // Name and key lie in the EEPROM, which no flash touches.
  const { sha256 } = findImage('RunningLowButton')
  expect(await shown()).toMatchObject({ deviceId: 'tank-1', signed: true, firmware: { sha256 } })

  const back = await adept('board', 'flash', 'tank-1', '--rollback', '--json')
  expect(JSON.parse(back.out)).toMatchObject({
    sha256: findImage('AnalogLevel').sha256,
    release: { sketch: 'AnalogLevel' },
    hello: { version: '1.0.0', sha256: findImage('AnalogLevel').sha256 },
  })
}, 120_000)
