import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import pino from 'pino'
import { SerialPort } from 'serialport'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  askBridge,
  bridgeFolder,
  controlSocket,
  followBoardLog,
  releaseBoard,
} from '../../firmware-bridge/control-client.ts'
import { startBridge } from '../../firmware-bridge/main.ts'
import { BridgeHome, DETERGENT, ScriptedBoard } from './fixture.ts'

let home: BridgeHome
beforeEach(async () => {
  home = await BridgeHome.start()
})
afterEach(() => home.stop())

/** One line to the socket, and what comes back. */
async function say(line: string): Promise<string> {
  const socket = connect(controlSocket(home.folder))
  socket.write(line)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  await once(socket, 'close')
  return answer
}

describe('the control socket', () => {
  it('is for its owner only, as the pairings are', async () => {
    expect(statSync(controlSocket(home.folder)).mode & 0o777).toBe(0o600)
    await home.board('a')
    await home.pair('a', 'bottle-1')
    const file = join(bridgeFolder(home.folder), 'boards.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ boards: [{ deviceId: 'bottle-1' }] })
  })
  it('answers what it cannot do with a sentence', async () => {
    expect(await say('nonsense\n')).toContain('"ok":false')
    expect(await say('{"do":"fly"}\n')).toContain('"ok":false')
    expect(await say(`${'x'.repeat(20_000)}\n`)).toBe('') // hung up on
    await expect(askBridge(home.folder, { do: 'command', board: 'b-1', name: 'tare' })).rejects.toThrow(
      'There is no board: no port matches',
    )
    await home.board('a')
    await home.until('a', (view) => view.state === 'unpaired')
    await expect(askBridge(home.folder, { do: 'command', board: 'b-1', name: 'tare' })).rejects.toThrow(
      `There is no board b-1. There is ${home.port('a')}.`,
    )
    await expect(askBridge(home.folder, { do: 'command', board: 'load-cell', name: 'key' })).rejects.toThrow('pairing')
  })
  it('is missed with the line to type where no bridge runs', async () => {
    await home.bridge.stop()
    await expect(askBridge(home.folder, { do: 'list' })).rejects.toThrow('npm run bridge -- --data')
    await home.startBridge()
  })
  it('opens only where a gateway was made, and makes no folder elsewhere', async () => {
    const dataFolder = join(home.folder, 'elsewhere')
    await expect(startBridge({ dataFolder, log: pino({ level: 'silent' }) })).rejects.toThrow('adept init')
    expect(existsSync(dataFolder)).toBe(false)
  })
  it('belongs to one bridge at a time', async () => {
    await expect(home.startBridge()).rejects.toThrow('A bridge already runs on the data folder')
    expect(await askBridge(home.folder, { do: 'list' })).toEqual({ ok: true, boards: [] })
  })
})

describe('pairing', () => {
  const pair = (more: object = {}) =>
    askBridge(home.folder, {
      do: 'pair',
      board: home.port('a'),
      deviceId: 'bottle-1',
      password: 'secret',
      slots: [DETERGENT],
      ...more,
    })

  it('refuses what does not fit the board, and writes nothing', async () => {
    const board = await home.board('a')
    await home.until('a', (view) => view.state === 'unpaired')
    await expect(pair({ deviceId: 'a-very-long-name' })).rejects.toThrow('at most 15 characters')
    await expect(pair({ slots: [{ ...DETERGENT, slot: 'salt' }] })).rejects.toThrow('no slot salt: it has detergent')
    await expect(pair({ slots: [{ ...DETERGENT, unit: 'ml' }] })).rejects.toThrow('in g, not in ml')
    expect(board.commands.map(({ name }) => name)).not.toContain('key')
  })
  it('leaves everything as it was when the board does not take its key', async () => {
    const board = await home.board('a')
    await home.until('a', (view) => view.state === 'unpaired')
    board.refuse = { save: 'store' }
    await expect(pair()).rejects.toThrow('did not take its key (store): pair it again')
    expect(home.view('a')).toMatchObject({ state: 'unpaired', boardId: 'load-cell' })
    board.refuse = {}
    expect((await pair()).board).toMatchObject({ state: 'online', signed: true })
  })
  it('is done anew with another key; a level under the old one is not trusted', async () => {
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    const oldKey = board.key
    await pair({ password: 'whatever' })
    expect(board.key).not.toEqual(oldKey)
    expect(home.view('a')).toMatchObject({ signed: true })
    const device = await home.line.devices.get('home-1', 'bottle-1')
    expect(device).toMatchObject({ maker: 'AdeptSlot', model: 'load-cell' })
    board.write(board.levelLine(500, 9_000, oldKey))
    const view = await home.until('a', (one) => one.levels.length > 0)
    expect(view.levels[0]?.unverified).toContain('does not fit the key')
  })
  it('is done again without a password after it went wrong at its end', async () => {
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.refuse = { hello: 'busy' }
    const again = { do: 'pair', board: home.port('a'), deviceId: 'bottle-1' } as const
    await expect(askBridge(home.folder, again)).rejects.toThrow('does not say that it holds the new key: pair it again')
    expect(home.view('a')).toMatchObject({ signed: false, problem: expect.stringContaining('has another key') })
    board.refuse = {}
    expect((await askBridge(home.folder, again)).board).toMatchObject({ state: 'online', signed: true })
  })
  it('gives a name to one board at a time', async () => {
    await home.board('a')
    await home.pair('a', 'bottle-1')
    const second = new ScriptedBoard(home.port('b'))
    second.boardId = 'bottle-1'
    await home.board('b', () => second)
    const view = await home.until('b', (one) => one.state === 'problem')
    expect(view.problem).toContain('unplug one, or pair it anew')
    await expect(pair({ board: home.port('b') })).rejects.toThrow(`bottle-1 is the board at ${home.port('a')}`)
  })
  it('tells of a board that has lost its key', async () => {
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    board.key = undefined
    board.hello()
    const view = await home.until('a', (one) => one.problem !== undefined)
    expect(view).toMatchObject({ state: 'online', signed: false, problem: expect.stringContaining('has lost its key') })
  })
  it('refuses a file of pairings that it cannot read, and does not replace it', async () => {
    await home.bridge.stop()
    const file = join(bridgeFolder(home.folder), 'boards.json')
    writeFileSync(file, '{"version":1,"boards":[{')
    await expect(home.startBridge()).rejects.toThrow('move it away and pair the boards again')
    expect(readFileSync(file, 'utf8')).toBe('{"version":1,"boards":[{')
  })
})

describe('a port that is lent', () => {
  const openElsewhere = async (path: string) => {
    const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false })
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
    await new Promise<void>((resolve) => port.close(() => resolve()))
  }

  it('is free for others until it is taken again', async () => {
    await home.board('a')
    await home.pair('a', 'bottle-1')
    const { path, take } = await releaseBoard(home.folder, 'bottle-1')
    expect(home.view('a')).toMatchObject({ state: 'released' })
    await openElsewhere(path)
    await expect(releaseBoard(home.folder, home.port('a'))).rejects.toThrow('flashed already')
    expect(await take()).toMatchObject({ state: 'online', deviceId: 'bottle-1', signed: true })
  })
  it('comes back when who had it is killed', async () => {
    await home.board('a')
    await home.until('a', (view) => view.state === 'unpaired')
    const script = `import { releaseBoard } from '${process.cwd()}/firmware-bridge/control-client.ts'
      await releaseBoard('${home.folder}', 'load-cell'); console.log('mine'); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    expect(home.view('a')?.state).toBe('released')
    child.kill('SIGKILL')
    await home.until('a', (view) => view.state === 'unpaired')
  })
  it('may vanish and appear meanwhile, as boards in their bootloader do', async () => {
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    const { take } = await releaseBoard(home.folder, 'bottle-1')
    await board.unplug()
    while (home.view('a') !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    await board.plugIn()
    await home.until('a', (view) => view.state === 'released')
    expect(await take()).toMatchObject({ state: 'online' })
  })
})

describe('the log', () => {
  it('shows lines in both directions, over an unplugging, until it is left', async () => {
    const board = await home.board('a')
    await home.pair('a', 'bottle-1')
    const leave = new AbortController()
    const lines = followBoardLog(home.folder, 'bottle-1', leave.signal)
    const next = async (isWanted: (text: string) => boolean) => {
      for (;;) {
        const line = await lines.next()
        if (line.done || isWanted(line.value.text)) return line.value
      }
    }
    const first = next((text) => text.includes('"lvl"'))
    while (board.commands.at(-1)?.name !== 'lamp') await new Promise((resolve) => setTimeout(resolve, 5))
    const sayUntilSeen = setInterval(() => board.level(1), 20)
    expect(await first).toMatchObject({ direction: 'in', text: expect.stringMatching(/^\{"t":"lvl".*\*[0-9a-f]{4}$/) })
    clearInterval(sayUntilSeen)
    await board.unplug()
    await board.plugIn()
    expect(await next((text) => text.includes('"hello"') && text.includes('cmd'))).toMatchObject({ direction: 'out' })
    leave.abort()
    expect(await next(() => false)).toBeUndefined()
  })
})
