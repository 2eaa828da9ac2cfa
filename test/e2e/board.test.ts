import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { findImage } from '../../firmware-bridge/flash/release.ts'
import { type SimulatedBoard, startSimulatedBoard } from '../../firmware-bridge/simulator/board.ts'
import { HomeProcesses } from '../support/home-processes.ts'

const run = promisify(execFile)
const FULL_GRAMS = 1400
let home: HomeProcesses
let board: SimulatedBoard

beforeAll(async () => {
  home = await HomeProcesses.start({ ADEPT_ORDERS_INSPECTION_HOURS: '0' })
  board = await startSimulatedBoard({ hex: findImage('LoadCell').file, link: join(home.folder, 'board-1') })
  await home.startBridge(join(home.folder, 'board-*'))
})
afterAll(async () => {
  await home?.close()
  await board?.stop()
})

/** `adept …` as the README has it. */
async function adept(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['gateway/cli/adept.mjs', ...args, '--data', home.folder])
  return stdout
}
const json = async <Answer>(...args: string[]) => JSON.parse(await adept(...args, '--json')) as Answer

type Reading = { mark: string; body: { remaining?: number } }

/** The load of the cell, until the gateway has it on disk and believes it. */
async function weigh(grams: number): Promise<void> {
  board.setGrams(grams)
  await home.until(
    () => json<Reading[]>('readings', 'bottle-1', '--limit', '1'),
    ([latest]) => latest?.mark === 'verified' && Math.abs(latest.body.remaining! - grams) <= 5,
    250,
  )
}

it('a bottle on a scale runs low, the board’s firmware says so, the gateway buys, the lamp lights, the refill completes the order', async () => {
  await home.until(
    () => json<BoardView[]>('board', 'list'),
    ([first]) => first?.state === 'unpaired',
  )
  const product = ['--capacity', String(FULL_GRAMS), '--gtin', '04006381333931']
  expect(await adept('board', 'pair', board.path, 'bottle-1', ...product)).toContain('it signs its levels')
  await adept('board', 'calibrate', 'bottle-1', '--tare')
  board.setGrams(500)
  await adept('board', 'calibrate', 'bottle-1', '--known', '500')
  await adept('mandate', 'sign', 'bottle-1', '--cooling-off', '0s', '--seller', home.shopUrl, '--yes')
  await adept('device', 'confirm', 'bottle-1', '--mode', 'auto')
  expect(board.lampOn()).toBe(false)

  // Falls of more than half the bottle within an hour wait for a second reading.
  for (const grams of [FULL_GRAMS, 900, 500, 100]) await weigh(grams)
  const orders = () => json<{ orderId: string; state: string }[]>('orders')
  const [order] = await home.until(orders, ([first]) => first?.state === 'shipped')
  await expect.poll(() => board.lampOn(), { timeout: 10_000 }).toBe(true)

  // So many washes within seconds would make the forecast want more at once.
  await adept('device', 'confirm', 'bottle-1', '--mode', 'notify')
  await weigh(FULL_GRAMS)
  expect(await adept('order', 'received', order!.orderId)).toContain('seller is paid')
  expect(await home.until(orders, ([first]) => first?.state === 'completed')).toHaveLength(1)
  await expect.poll(() => board.lampOn(), { timeout: 10_000 }).toBe(false)
  expect(await adept('order', order!.orderId)).toContain('The seller was paid 12.49 TUSD')
}, 120_000)
