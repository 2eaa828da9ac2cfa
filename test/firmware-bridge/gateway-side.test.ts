import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import type { OrderState } from '../../gateway/domain/order.ts'
import { startLine } from '../broker/fixture.ts'
import { BridgeHome, DETERGENT, type ScriptedBoard } from './fixture.ts'

let home: BridgeHome
afterEach(() => home.stop())

/** Waits until it holds; the time-out of the test is its bound. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
async function pairedBoard(): Promise<ScriptedBoard> {
  home = await BridgeHome.start()
  const board = await home.board('a')
  await home.pair('a', 'bottle-1')
  return board
}
const order = (state: OrderState, slot = 'detergent') => {
  const message = { slot, orderId: crypto.randomUUID(), state, sinceMs: 1 }
  home.line.broker.publish('bottle-1', 'order', message, { retain: true })
}
const remaining = async () =>
  (await home.readings('bottle-1')).map(({ body }) => (body as { remaining: number }).remaining)

describe('the order lamp', () => {
  it('is on while an order of a slot is on its way, and off again', async () => {
    const board = await pairedBoard()
    await until(() => board.lamp === 0)
    for (const [state, lamp] of [
      ['authorized', 0],
      ['shipped', 1],
      ['delivered', 1],
      ['completed', 0],
    ] as const) {
      const before = board.commands.length
      order(state)
      await until(() => board.commands.slice(before).some(({ name }) => name === 'lamp'))
      expect(board.lamp, state).toBe(lamp)
    }
  })
  it('is on for one slot although the order of another has ended', async () => {
    const board = await pairedBoard()
    order('shipped')
    await until(() => board.lamp === 1)
    const before = board.commands.length
    order('cancelled', 'softener')
    await until(() => board.commands.length > before)
    expect(board.lamp).toBe(1)
  })
  it('is on again after the board has booted, and after the bridge has', async () => {
    const board = await pairedBoard()
    order('shipped')
    await until(() => board.lamp === 1)
    board.lamp = 0
    board.hello()
    await until(() => board.lamp === 1)
    await home.bridge.stop()
    board.lamp = 0
    await home.startBridge()
    await until(() => board.lamp === 1)
  })
})

describe('a command of the gateway', () => {
  const send = (id: string, name: string, given: Record<string, string | number | boolean> = {}) =>
    home.line.broker.publish('bottle-1', 'command', { id, name, arguments: given })
  const resultOf = async (id: string) => {
    const found = () =>
      home.line.results.map(({ result }) => result as { id: string }).filter((result) => result.id === id)
    await until(() => found().length > 0)
    return found()
  }

  it('is done by the board, and its result comes back', async () => {
    const board = await pairedBoard()
    send('c-1', 'lamp', { on: true })
    expect(await resultOf('c-1')).toEqual([{ id: 'c-1', ok: true }])
    expect(board.lamp).toBe(1)
    board.refuse = { tare: 'busy' }
    send('c-2', 'tare')
    expect(await resultOf('c-2')).toEqual([{ id: 'c-2', ok: false, error: 'busy' }])
  })
  it('is done once when it comes twice', async () => {
    const board = await pairedBoard()
    send('c-1', 'tare')
    send('c-1', 'tare')
    await until(() => home.line.results.length === 2)
    expect(board.commands.filter(({ name }) => name === 'tare')).toHaveLength(1)
  })
  it('may not write a key, nor be longer than the board’s buffer', async () => {
    const board = await pairedBoard()
    const before = board.commands.filter(({ name }) => name === 'key').length
    send('c-1', 'key', { value: '0deadbeef' })
    expect(await resultOf('c-1')).toMatchObject([{ ok: false, error: expect.stringContaining('adept board pair') }])
    send('c-2', 'lamp', { value: 'x'.repeat(60) })
    expect(await resultOf('c-2')).toMatchObject([{ ok: false, error: expect.stringContaining('60 bytes') }])
    expect(board.commands.filter(({ name }) => name === 'key')).toHaveLength(before)
  })
  it('is answered when the board is not there', async () => {
    const board = await pairedBoard()
    await board.unplug()
    await until(() => home.view('a') === undefined)
    send('c-1', 'tare')
    expect(await resultOf('c-1')).toMatchObject([{ ok: false, error: 'The board is not plugged in.' }])
  })
})

describe('a board in trouble', () => {
  it('is told of once, until it measures again', async () => {
    const board = await pairedBoard()
    const events = async () => (await home.readings('bottle-1')).filter(({ kind }) => kind === 'event')
    board.say({ t: 'err', e: 'sensor' })
    board.say({ t: 'err', e: 'sensor' })
    await home.until('a', (view) => view.trouble === 'sensor')
    board.level(800)
    board.say({ t: 'err', e: 'sensor' })
    await until(async () => (await events()).length === 2)
    expect((await events())[0]).toMatchObject({ body: { type: 'fault', detail: { fault: 'sensor' } } })
    expect(await home.readings('bottle-1')).toHaveLength(3)
  })
})

describe('a gateway that is away', () => {
  it('gets all levels in order when it is back, at another port, without a gap', async () => {
    const board = await pairedBoard()
    board.level(900)
    await until(async () => (await remaining()).length === 1)
    const old = home.line
    await old.broker.stop()
    await home.until('a', (view) => view.mqtt === 'offline')
    for (let value = 899; value > 799; value--) board.level(value)
    await home.until('a', (view) => view.levels[0]?.remaining === 800)
    // A level that waited for more than a second says when it was measured.
    await new Promise((resolve) => setTimeout(resolve, 1_050))

    home.line = await startLine({ store: old })
    writeFileSync(join(home.folder, 'gateway.json'), JSON.stringify({ mqttPort: home.line.port }))
    await until(async () => (await remaining()).length === 101)
    expect(await remaining()).toEqual(Array.from({ length: 101 }, (_, index) => 900 - index))
    const seqs = (await home.readings('bottle-1')).map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: 101 }, (_, index) => index))
    expect((await home.readings('bottle-1')).at(-1)).toMatchObject({ body: { measuredAtMs: expect.any(Number) } })
  })

  it('costs the oldest levels when it is away for too long, which is counted', async () => {
    const board = await pairedBoard()
    await home.line.broker.stop()
    await home.until('a', (view) => view.mqtt === 'offline')
    for (let count = 0; count < 1_100; count++) board.level(count % 1_000)
    const view = await home.until('a', (one) => one.counts.dropped >= 100)
    expect(view.problem).toContain('1000 levels of bottle-1 wait, and 100 older ones were dropped')
    // At the usual rate the thousand would take nineteen seconds.
    home.line = await startLine({ store: home.line, limits: { messagesPerSecond: 1_000 } })
    writeFileSync(join(home.folder, 'gateway.json'), JSON.stringify({ mqttPort: home.line.port }))
    await until(() => home.line.count('readings') === 1_000)
    const kept = await remaining()
    expect([kept[0], kept.at(-1)]).toEqual([100, 99])
  })
})

it('tells who is refused by the gateway', async () => {
  home = await BridgeHome.start()
  await home.board('a')
  await home.until('a', (view) => view.state === 'unpaired')
  await home.line.add('bottle-1')
  await askBridge(home.folder, {
    do: 'pair',
    board: home.port('a'),
    deviceId: 'bottle-1',
    password: 'wrong',
    slots: [DETERGENT],
  })
  const view = await home.until('a', (one) => one.mqtt === 'refused')
  expect(view.problem).toContain('does not know bottle-1 by its password')
})
