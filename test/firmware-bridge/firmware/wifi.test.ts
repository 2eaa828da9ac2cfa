import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Line, startLine, until } from '../../broker/fixture.ts'
import { compileNative, LIBRARY } from './native.ts'

const DEVICE = 'wifi-bottle'

let folder: string
let line: Line
let password: string
let board: ChildProcessWithoutNullStreams
let said = ''
/** The sketch as it is, for this machine: the compiler of its own is not in Debian. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'adept-wifi-'))
  const sources = ['AdeptFrame', 'AdeptHx711', 'AdeptMqtt', 'AdeptScale', 'AdeptSha256', 'AdeptStore', 'AdeptWifiSlot']
  const account = ['-DADEPT_HOST="127.0.0.1"', '-DADEPT_PORT=(uint16_t)atoi(getenv("PORT"))']
  const secrets = ['-DADEPT_PASSWORD=getenv("PASSWORD")', '-DWIFI_NAME="none"', '-DWIFI_PASSWORD="none"']
  compileNative(
    join(folder, 'wifi-board'),
    [
      join(import.meta.dirname, 'native/wifi-board.cpp'),
      ...sources.map((name) => join(LIBRARY, `src/${name}.cpp`)),
      ...['-x', 'c++', join(LIBRARY, 'examples/WifiLoadCell/WifiLoadCell.ino')],
    ],
    ['-include', 'Arduino.h', '-DARDUINO_ARCH_ESP32', ...account, ...secrets],
  )
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

beforeEach(async () => {
  line = await startLine()
  password = await line.add(DEVICE)
  board = spawn(join(folder, 'wifi-board'), { env: { PORT: String(line.port), PASSWORD: password } })
  said = ''
  const hear = (text: Buffer) => {
    said += text.toString()
  }
  board.stdout.on('data', hear)
  board.stderr.on('data', hear)
})
afterEach(async () => {
  const closed = new Promise<void>((resolve) => board.once('close', () => resolve()))
  board.stdin.end()
  await closed
  await line.stop()
  expect(said).not.toContain('runtime error')
})

type Report = { session: string; seq: number; remaining?: number; type?: string; detail?: unknown }
/** Everything that the board reported, in the order of the commits. */
const reports = () =>
  (line.db.prepare('SELECT body FROM readings ORDER BY reading_id').all() as { body: string }[]).map(
    ({ body }) => JSON.parse(body) as Report,
  )
const levels = () => reports().flatMap(({ remaining }) => (remaining === undefined ? [] : [remaining]))

async function command(id: string, name: string, args: Record<string, number | boolean> = {}): Promise<unknown> {
  line.broker.publish(DEVICE, 'command', { id, name, arguments: args })
  await until(() => line.results.some(({ result }) => (result as { id: string }).id === id))
  return line.results.find(({ result }) => (result as { id: string }).id === id)!.result
}

/** Asks again while the load still moves, or the known weight is not yet seen. */
async function calibrate(name: string, args: Record<string, number | boolean> = {}): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const result = (await command(`${name}-${attempt}`, name, args)) as { ok: boolean; error?: string }
    if (result.ok) return
    expect(['busy', 'small']).toContain(result.error)
  }
}

it('describes itself, is calibrated, reports and shows the order, over the real broker', async () => {
  await until(() => line.count('slots') === 1)
  const { description } = line.db.prepare('SELECT description FROM slots').get() as { description: string }
  expect(JSON.parse(description)).toMatchObject({ slot: 'detergent', unit: 'g', capacity: 1400 })
  await until(() => reports().length === 1)
  expect(reports()[0]).toMatchObject({ seq: 0, type: 'fault', detail: { fault: 'uncalibrated' } })

  await calibrate('tare')
  board.stdin.write('raw 58000\n')
  await calibrate('scale', { value: 500 })
  await until(() => levels().includes(500))
  board.stdin.write('raw 30000\n')
  await until(() => levels().includes(220))
  board.stdin.write('off\n')
  await until(() => reports().at(-1)!.type === 'fault')
  expect(reports().at(-1)!.detail).toEqual({ fault: 'sensor' })

  const order = { slot: 'detergent', orderId: '01939b5e-0000-7000-8000-000000000001', sinceMs: 1 }
  line.broker.publish(DEVICE, 'order', { ...order, state: 'shipped' }, { retain: true })
  await until(() => said.includes('lamp 1'))
  line.broker.publish(DEVICE, 'order', { ...order, state: 'completed' }, { retain: true })
  await until(() => said.includes('lamp 0'))
  expect(await command('lamp', 'lamp', { on: true })).toEqual({ id: 'lamp', ok: true })
  expect(await command('odd', 'reboot')).toEqual({ id: 'odd', ok: false, error: 'unknown' })
  expect(await command('bare', 'lamp')).toEqual({ id: 'bare', ok: false, error: 'value' })

  expect(reports().map(({ seq }) => seq)).toEqual(reports().map((_, index) => index))
  expect(new Set(reports().map(({ session }) => session)).size).toBe(1)
  expect(line.count('dead_letters')).toBe(0)
})

it('comes back when its connection breaks, and leaves no gap', async () => {
  await until(() => reports().length === 1)
  await calibrate('tare')
  board.stdin.write('raw 58000\n')
  await calibrate('scale', { value: 500 })
  for (let grams = 300; grams > 0; grams -= 100) {
    board.stdin.write(`raw ${8000 + grams * 100}\n`)
    // The broker closes the board's connection for another client under its name.
    const thief = await line.client(DEVICE, password)
    await thief.endAsync(true)
    await until(() => levels().includes(grams))
  }
  const seqs = reports().map(({ seq }) => seq)
  expect([...new Set(seqs)].sort((one, other) => one - other)).toEqual(seqs.map((_, index) => index))
})
