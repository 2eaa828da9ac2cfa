import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { askBridge, bridgeFolder } from '../../firmware-bridge/control-client.ts'
import { frameLine } from '../../gateway/wire/serial-line.ts'
import { BridgeHome } from './fixture.ts'

let home: BridgeHome
afterEach(() => home.stop())

/** Waits until the gateway has so many levels of the device. */
async function levels(deviceId: string, count: number) {
  for (;;) {
    const found = (await home.readings(deviceId)).filter((reading) => reading.kind === 'consumable')
    if (found.length >= count) return found.map(({ mark, markReason, body }) => ({ mark, markReason, body }))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('a board that is plugged in', () => {
  it('is found, asked, paired, and a device of the gateway with verified levels', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    const unpaired = await home.until('a', (view) => view.state === 'unpaired')
    expect(unpaired).toMatchObject({
      dialect: 'adept',
      boardId: 'load-cell',
      slots: ['detergent'],
      unit: 'g',
      signed: false,
    })

    const paired = await home.pair('a', 'bottle-1')
    expect(paired).toMatchObject({ state: 'online', deviceId: 'bottle-1', signed: true })
    expect(board.boardId).toBe('bottle-1')
    board.level(900)
    board.level(880)
    const [first, second] = await levels('bottle-1', 2)
    expect(first).toMatchObject({ mark: 'verified', body: { seq: 0, remaining: 900 } })
    expect(second).toMatchObject({ mark: 'verified', body: { seq: 1, remaining: 880 } })
    expect(await home.slot('bottle-1')).toMatchObject({ description: { capacity: 1000, unit: 'g' } })
  })

  it('is offline when it is unplugged, and back in service when it is plugged in again', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    const status = async () => (await home.line.devices.get('home-1', 'bottle-1'))?.status
    board.level(900)
    await levels('bottle-1', 1)
    expect(await status()).toBe('online')
    await board.unplug()
    while ((await status()) !== 'offline') await new Promise((resolve) => setTimeout(resolve, 5))
    await board.plugIn()
    const pluggedAtMs = performance.now()
    await home.until('a', (view) => view.state === 'online')
    expect(performance.now() - pluggedAtMs).toBeLessThan(3_000)
    board.level(870)
    const [before, after] = (await levels('bottle-1', 2)).map(({ body }) => body as { session: string; seq: number })
    expect(after?.seq).toBe(0)
    expect(after?.session).not.toBe(before?.session)
  })

  it('is the same device after the bridge was started anew, whatever port it is at', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.level(900)
    await levels('bottle-1', 1)
    await home.bridge.stop()
    await board.unplug()
    await home.startBridge()
    await home.board('b', () => Object.assign(board, { path: home.port('b') }))
    await home.until('b', (view) => view.state === 'online')
    board.level(850)
    expect(await levels('bottle-1', 2)).toMatchObject([{ mark: 'verified' }, { mark: 'verified' }])
  })
})

describe('a level that nobody can trust', () => {
  it('is shown with the reason, and verified once it is', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.level(900)
    board.write('{"t":"lvl","slot":"detergent","v":100,"u":"g"}\n')
    board.write(board.levelLine(110, ++board.counter, Buffer.alloc(32, 9)))
    const { boardId, key } = board
    board.key = undefined
    board.level(120)
    board.key = key
    expect(await levels('bottle-1', 4)).toMatchObject([
      { mark: 'verified' },
      { mark: 'unverified', markReason: 'The board sent it without a check sum.' },
      { mark: 'unverified', markReason: expect.stringContaining('does not fit the key') },
      { mark: 'unverified', markReason: expect.stringContaining('did not sign') },
    ])
    expect(boardId).toBe('bottle-1')
  })

  it('is dropped when it was accepted before, also by a bridge that was started anew', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    const recorded = board.levelLine(900)
    board.write(recorded)
    await levels('bottle-1', 1)
    const kept = () => readFileSync(join(bridgeFolder(home.folder), 'boards.json'), 'utf8')
    while (!kept().includes(`"lastCounter": ${board.counter}`)) await new Promise((resolve) => setTimeout(resolve, 5))
    board.write(recorded)
    await home.until('a', (view) => view.counts.replayed === 1)
    await home.bridge.stop()
    await home.startBridge()
    await home.until('a', (view) => view.state === 'online')
    board.write(recorded)
    await home.until('a', (view) => view.counts.replayed === 1)
    board.level(890)
    expect(await levels('bottle-1', 2)).toHaveLength(2)
  })

  it('is known again by the next bridge when one was killed as soon as the gateway had it', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    await home.bridge.stop()
    const main = ['firmware-bridge/main.ts', '--data', home.folder, '--ports', home.port('*')]
    const killed = spawn(process.execPath, main, { stdio: 'ignore' })
    const exited = once(killed, 'exit')
    const status = async () => (await home.line.devices.get('home-1', 'bottle-1'))?.status
    while ((await status()) !== 'online') await new Promise((resolve) => setTimeout(resolve, 5))
    const recorded = board.levelLine(900)
    board.write(recorded)
    await levels('bottle-1', 1)
    killed.kill('SIGKILL')
    await exited
    await home.startBridge()
    await home.until('a', (view) => view.state === 'online')
    board.write(recorded)
    await home.until('a', (view) => view.counts.replayed === 1)
    expect(await levels('bottle-1', 1)).toHaveLength(1)
  })

  it('goes nowhere from a board that is not paired', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.until('a', (view) => view.state === 'unpaired')
    board.level(500)
    const view = await home.until('a', (one) => one.levels.length > 0)
    expect(view.levels[0]).toMatchObject({ remaining: 500, unverified: 'The board is not paired.' })
    expect(home.line.count('readings')).toBe(0)
  })
})

describe('garbage', () => {
  it('costs no frame behind it', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.write(`\xff\x00{"t":"lvl","n":5\n${'x'.repeat(5000)}\n`)
    board.level(900)
    board.write(`half a line ${frameLine('{"t":"nonsense"}')}`)
    board.level(890)
    expect(await levels('bottle-1', 2)).toMatchObject([{ body: { remaining: 900 } }, { body: { remaining: 890 } }])
    expect(home.view('a')?.counts.garbage).toBeGreaterThan(0)
  })
})

describe('a command', () => {
  it('is sent again when it was lost, and done once', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.lose = 2
    await askBridge(home.folder, { do: 'command', board: 'bottle-1', name: 'tare' })
    expect(board.commands.filter(({ name }) => name === 'tare')).toHaveLength(1)
  })

  it('keeps its number when only the answer was lost, by which the board knows it', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.loseAnswerTo = 'tare'
    await askBridge(home.folder, { do: 'command', board: 'bottle-1', name: 'tare' })
    const ids = board.commands.filter(({ name }) => name === 'tare').map(({ id }) => id)
    expect(ids).toEqual([ids[0], ids[0]])
  })

  it('comes back with the word of a board that refuses', async () => {
    home = await BridgeHome.start()
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.refuse = { tare: 'busy' }
    await expect(askBridge(home.folder, { do: 'command', board: 'bottle-1', name: 'tare' })).rejects.toThrow('busy')
  })
})
