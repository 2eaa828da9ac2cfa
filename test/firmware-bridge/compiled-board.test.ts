import { afterEach, describe, expect, it } from 'vitest'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import { type SimulatedBoard, startSimulatedBoard } from '../../firmware-bridge/simulator/board.ts'
import { BridgeHome, DETERGENT } from './fixture.ts'

/** The firmware as it is released, on a simulated ATmega328P; faster than a real one, so that nobody waits. */
const LOAD_CELL = 'firmware-bridge/firmware/release/LoadCell.hex'
const SPEED = 4

let home: BridgeHome
let board: SimulatedBoard
afterEach(async () => {
  await board?.stop()
  await home.stop()
})

async function until<Value>(look: () => Promise<Value>, isWanted: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await look()
    if (isWanted(value)) return value
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('the compiled load cell', () => {
  it('is paired, calibrated and measured, lights its lamp, and is the same board after it was unplugged', async () => {
    home = await BridgeHome.start()
    board = await startSimulatedBoard({ hex: LOAD_CELL, link: home.port('a'), speed: SPEED })
    board.setGrams(0)
    expect(await home.until('a', (view) => view.state === 'unpaired')).toMatchObject({
      boardId: 'load-cell',
      unit: 'g',
      firmware: { version: '1.0.0', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
    expect(await home.pair('a', 'bottle-1', [DETERGENT])).toMatchObject({ signed: true })

    const calibrate = (name: string, value?: number) =>
      until(
        () =>
          askBridge(home.folder, { do: 'command', board: 'bottle-1', name, value }).catch((error: Error) => {
            // No steady reading, or none yet with the weight on.
            if (!['busy', 'small'].includes(error.message)) throw error
          }),
        (answer) => answer !== undefined,
      )
    await calibrate('tare')
    board.setGrams(500)
    await calibrate('scale', 500)
    board.setGrams(420)
    const slot = await until(
      () => home.slot('bottle-1'),
      (one) => one?.level?.remaining === 420,
    )
    expect(slot?.level).toMatchObject({ mark: 'verified', unit: 'g' })

    const order = { slot: 'detergent', orderId: crypto.randomUUID(), state: 'shipped', sinceMs: 1 } as const
    home.line.broker.publish('bottle-1', 'order', order, { retain: true })
    await until(async () => board.lampOn(), Boolean)

    await board.unplug()
    await until(
      async () => home.view('a'),
      (view) => view === undefined,
    )
    board.setGrams(300)
    await board.replug()
    await home.until('a', (view) => view.signed)
    const later = await until(
      () => home.slot('bottle-1'),
      (one) => one?.level?.remaining === 300,
    )
    expect(later?.level?.mark).toBe('verified')
    await until(async () => board.lampOn(), Boolean)
  })
})
