import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askBridge, bridgeFolder } from '../../firmware-bridge/control-client.ts'
import { openPty, type Pty } from '../../firmware-bridge/simulator/pty.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import { BridgeHome, DETERGENT } from './fixture.ts'

let home: BridgeHome
const ptys: Pty[] = []
beforeEach(async () => {
  home = await BridgeHome.start()
})
afterEach(async () => {
  for (const pty of ptys.splice(0)) await pty.close()
  await home.stop()
})

/** A port on which the test itself speaks; what the bridge sends is collected. */
async function openBoard(name: string): Promise<{ write(text: string): void; heard(): string }> {
  let heard = ''
  const pty = await openPty(home.port(name), (bytes) => {
    heard += bytes.toString('latin1')
  })
  ptys.push(pty)
  return { write: (text) => pty.write(Buffer.from(text, 'latin1')), heard: () => heard }
}
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
/** What a board says in time, over and over. */
async function repeating(say: () => void, done: Promise<unknown>): Promise<void> {
  const timer = setInterval(say, 50)
  await done.finally(() => clearInterval(timer))
}
const pair = (name: string, deviceId: string, slots: SlotDescription[]) =>
  home.line
    .add(deviceId)
    .then((password) => askBridge(home.folder, { do: 'pair', board: home.port(name), deviceId, password, slots }))

describe('a MySensors gateway', () => {
  const SLOT: SlotDescription = { ...DETERGENT, slot: 'n4-c1', unit: 'percent', capacity: 100 }

  it('is found by its language, and its levels are unverified', async () => {
    const gateway = await openBoard('m')
    await until(() => gateway.heard().includes('0;255;3;0;2;\n'))
    // The first line is the end of one of node 12, in whose middle the port was opened.
    gateway.write('2;9;1;0;3;50\n0;255;3;0;2;2.3.2\n')
    expect(await home.until('m', (view) => view.state === 'unpaired')).toMatchObject({
      dialect: 'mysensors',
      slots: [],
      firmware: { version: '2.3.2' },
    })
    gateway.write('255;255;3;0;3;\n') // not paired: no number is given
    gateway.write('4;1;1;0;3;42\n')
    await home.until('m', (view) => view.slots.includes('n4-c1'))
    expect((await pair('m', 'sensors', [SLOT])).board).toMatchObject({ deviceId: 'sensors', signed: false })
    gateway.write('4;1;1;0;3;41\n')
    await until(async () => (await home.slot('sensors'))?.level !== undefined)
    expect((await home.slot('sensors'))?.level).toMatchObject({
      remaining: 41,
      mark: 'unverified',
      markReason: 'MySensors does not sign its readings.',
    })
    expect(gateway.heard()).not.toContain('255;255;3;0;4;')
  })

  it('keeps the numbers that it was given for its nodes, over a restart', async () => {
    const gateway = await openBoard('m')
    const come = async () => {
      const known = home.until('m', (view) => view.state === 'unpaired' || view.state === 'online')
      await repeating(() => gateway.write('0;255;3;0;14;Gateway startup complete.\n4;1;1;0;3;42\n'), known)
    }
    const askForNumber = async (expected: number) => {
      gateway.write('255;255;3;0;3;\n')
      await until(() => gateway.heard().includes(`255;255;3;0;4;${expected}\n`))
    }
    await come()
    await pair('m', 'sensors', [SLOT])
    await askForNumber(1)
    await askForNumber(2)
    await home.bridge.stop()
    await home.startBridge()
    await come()
    await home.until('m', (view) => view.state === 'online')
    await askForNumber(3)
    await askForNumber(5) // node 4 was heard
    const file = JSON.parse(readFileSync(join(bridgeFolder(home.folder), 'boards.json'), 'utf8')) as {
      boards: { nodeIds: number[] }[]
    }
    expect(file.boards[0]?.nodeIds.toSorted()).toEqual([1, 2, 3, 4, 5])
  })
})

it('takes the bare JSON of a board that somebody wrote, never as verified', async () => {
  const board = await openBoard('j')
  const line = '{"t":"lvl","slot":"salt","v":700,"u":"g"}\n'
  await repeating(
    () => board.write(line),
    home.until('j', (view) => view.state === 'unpaired'),
  )
  await pair('j', 'salt-1', [{ ...DETERGENT, slot: 'salt' }])
  board.write(line)
  await until(async () => (await home.slot('salt-1'))?.level !== undefined)
  expect((await home.slot('salt-1'))?.level).toMatchObject({
    remaining: 700,
    mark: 'unverified',
    markReason: 'The board sent it without a check sum.',
  })
  await expect(askBridge(home.folder, { do: 'command', board: 'salt-1', name: 'tare' })).rejects.toThrow('only talks')
})

it('says what is wrong with a port on which no board speaks, and notices one that falls silent', async () => {
  await openBoard('silent')
  const garbled = await openBoard('garbled')
  const printer = await openBoard('printer')
  const mute = await home.board('mute')
  await home.until('mute', (view) => view.state === 'unpaired')
  mute.isMute = true
  const problem = async (name: string) => (await home.until(name, (view) => view.state === 'problem')).problem
  const noise = Buffer.from(Array.from({ length: 64 }, (_, index) => (index * 37 + 128) & 0xff)).toString('latin1')
  const speak = () => {
    garbled.write(noise)
    printer.write('echo:Marlin 2.1\n')
  }
  const all = Promise.all(['silent', 'garbled', 'printer', 'mute'].map(problem))
  await repeating(speak, all)
  const [silent, garbledSays, printerSays, muteSays] = await all
  expect(silent).toContain('Nothing comes from')
  expect(garbledSays).toContain('baud rate')
  expect(printerSays).toContain('the last was "echo:Marlin 2.1"')
  expect(muteSays).toContain('no longer answers')
  mute.isMute = false
  await home.until('mute', (view) => view.state === 'unpaired')
}, 40_000)
