import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Driver, startDriver } from './native.ts'
import { VECTORS_FILE, vectorsText } from './vectors.ts'

type Vectors = {
  crc: { text: string; crc: string }[]
  fingerprints: { key: string; k: string }[]
  saves: { id: string; key: string; v: number; commands: string[] }[]
  commands: { id: number; name: string; v: number | string | null; line: string }[]
  levels: { key: string | null; message: string; line: string }[]
  lines: { line: string; frame: string | null; why: string }[]
}

const vectors = JSON.parse(readFileSync(VECTORS_FILE, 'utf8')) as Vectors
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

let folder: string
let library: Driver
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'adept-native-'))
  library = startDriver(folder)
}, 60_000)
afterAll(async () => {
  await library?.stop()
  rmSync(folder, { recursive: true })
})

it('has fresh shared examples', () => {
  expect(readFileSync(VECTORS_FILE, 'utf8')).toBe(vectorsText())
})

describe('the library agrees with the shared examples', () => {
  it('on check sums', async () => {
    for (const { text, crc } of vectors.crc) expect(await library.ask(`crc ${hex(text)}`)).toBe(crc)
  })

  it.each(vectors.lines)('on $why', async ({ line, frame }) => {
    expect(await library.ask(`frames 256 ${hex(`${line}\n`)}`)).toBe(frame === null ? '' : hex(frame))
  })

  it.each(vectors.commands)('on the command $name $v', async ({ id, name, v, line }) => {
    expect(line.length + 1).toBeLessThanOrEqual(60)
    const frame = Buffer.from(await library.ask(`frames 64 ${hex(`${line}\n`)}`), 'hex').toString()
    const value = v === null ? '' : typeof v === 'number' ? ` number ${v}` : ` text ${v}`
    expect(await library.ask(`command ${hex(frame)}`)).toBe(`${id} ${name}${value}`)
  })

  it.each(vectors.saves)('on pairing $id, and then signs its levels', async ({ id, key, commands }) => {
    await library.ask('erase')
    const heard = await library.ask(`board -1 ${hex(`${commands.join('\n')}\n`)}`)
    for (let command = 1; command <= 10; command += 1) expect(heard).toContain(`{"t":"ack","id":${command}}`)

    const lines = (await library.ask('board 42')).trim().split(' ')
    const hello = lines[0]
    const level = lines.find((line) => line.startsWith('{"t":"lvl"'))
    const print = createHash('sha256').update(Buffer.from(key, 'hex')).digest('hex').slice(0, 8)
    expect(hello).toContain(`"id":"${id}"`)
    expect(hello).toContain(`"k":"${print}"`)
    const n = Number(/"n":(\d+)/.exec(level!)![1])
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(n)
    const body = level!.slice(0, level!.indexOf(',"m":"'))
    const message = Buffer.concat([Buffer.from(id), Buffer.from([0]), counter, Buffer.from(body)])
    const mac = createHmac('sha256', Buffer.from(key, 'hex')).update(message).digest('hex').slice(0, 16)
    expect(level).toContain(`,"v":42,"u":"percent","m":"${mac}"}*`)
  })

  it('on fingerprints and MACs', async () => {
    for (const { key, k } of vectors.fingerprints) expect((await library.ask(`sha256 ${key}`)).slice(0, 8)).toBe(k)
    for (const { key, message, line } of vectors.levels) {
      if (key === null) continue
      expect(line).toContain(`,"m":"${(await library.ask(`hmac ${key} ${message}`)).slice(0, 16)}"}*`)
    }
  })
})

it('computes SHA-256 and HMAC as node:crypto does, at every length around the blocks', async () => {
  for (const length of [0, 1, 3, 4, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000]) {
    const [bytes, key] = [randomBytes(length), randomBytes(32)]
    expect(await library.ask(`sha256 ${bytes.toString('hex')}`)).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(await library.ask(`hmac ${key.toString('hex')} ${bytes.toString('hex')}`)).toBe(
      createHmac('sha256', key).update(bytes).digest('hex'),
    )
  }
})

describe('the reader of lines', () => {
  it('drops a line that is longer than its buffer and takes the next', async () => {
    const good = vectors.commands[0]!.line
    expect(await library.ask(`frames 64 ${hex(`${'x'.repeat(65)}\n${good}\n`)}`)).toBe(hex(good.slice(0, -5)))
    expect(await library.ask(`frames 64 ${hex(`${'x'.repeat(64 - good.length)}${good}\n`)}`)).toBe(
      hex(good.slice(0, -5)),
    )
    expect(await library.ask(`frames 64 ${hex(`${'x'.repeat(65 - good.length)}${good}\n`)}`)).toBe('')
  })

  it('refuses other spellings of a command', async () => {
    const spellings = [
      '{"t":"cmd","id":0,"name":"ping"}',
      '{"t":"cmd","id":01,"name":"ping"}',
      '{"t":"cmd","id":1000,"name":"ping"}',
      '{"t":"cmd","id":-1,"name":"ping"}',
      '{"t":"cmd", "id":1,"name":"ping"}',
      '{"id":1,"t":"cmd","name":"ping"}',
      '{"t":"cmd","id":1,"name":"ping","v":65536}',
      '{"t":"cmd","id":1,"name":"ping","v":1.5}',
      '{"t":"cmd","id":1,"name":"ping","v":true}',
      '{"t":"cmd","id":1,"name":"ping","v":"a\\"b"}',
      '{"t":"cmd","id":1,"name":"ping","v":1,"w":2}',
      '{"t":"cmd","id":1,"name":"ping"',
      '{"t":"cmd","id":1,"name":"ping',
      '{"t":"ack","id":1}',
      '{}',
      '',
    ]
    for (const spelling of spellings) expect(await library.ask(`command ${hex(spelling)}`)).toBe('refused')
  })

  it('finds the next whole line after any damage, and takes no lightly damaged one', async () => {
    // Two damages far apart meet a sum of 16 bits by chance once in 65,536: that is what the MAC of levels is for.
    const found = await library.ask('fuzz 1 100000')
    expect(found).toMatch(/^lost 0 lightly damaged taken 0 heavily damaged taken [0-2]$/)
  }, 60_000)
})

it('says a level at once, again 60 s after a change, and then every 300 s', async () => {
  expect(await library.ask('pace')).toBe('0 10 70 370 670 970 ')
})

describe('what is kept', () => {
  it('is the old or the new settings when the power is cut at any byte', async () => {
    const [, cuts, wrong, written] = /^cuts (\d+) wrong (\d+) written after (\d+)$/.exec(
      await library.ask('cut-while-saving'),
    )!
    expect(Number(cuts)).toBeGreaterThan(500)
    expect(wrong).toBe('0')
    expect(written).toBe(cuts)
  })

  it('never counts back when the power is cut at any byte, and spreads the wear', async () => {
    const answer = await library.ask('cut-while-counting 7 20000')
    const [, cuts, wrong, numbers, , writes] =
      /^cuts (\d+) wrong (\d+) numbers (\d+) highest (\d+) writes of one cell (\d+)$/.exec(answer)!
    expect(wrong).toBe('0')
    expect(Number(cuts)).toBeGreaterThan(3000)
    expect(Number(numbers) / Number(writes)).toBeGreaterThan(16)
  }, 60_000)

  it('counts on, and never back, with one dead cell in the memory', async () => {
    expect(await library.ask('worn-cell')).toBe('wrong 0 stopped 0')
  })
})
