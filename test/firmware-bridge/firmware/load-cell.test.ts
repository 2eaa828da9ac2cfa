import { beforeEach, describe, expect, it } from 'vitest'
import { Desk, KEY, macOf, PowerCut, sealed } from './desk.ts'

describe('the load cell', () => {
  let desk: Desk
  beforeEach(() => {
    desk = new Desk('LoadCell')
  })

  it('says hello at boot, and when it is asked', () => {
    const hello = desk.hear('hello')
    expect(hello).toMatchObject({ id: 'load-cell', fw: '1.0.0', slots: ['detergent'], u: 'g', k: '', n: 0 })
    expect(desk.command('hello')).toBe('ack')
    expect(desk.hear('hello')).toEqual(hello)
    expect(desk.garbage).toEqual([])
  })

  it('sends no level before it is calibrated, but says why', () => {
    expect(desk.hear('err', 2500)['e']).toBe('uncalibrated')
    expect(desk.listen('lvl', 5000)).toEqual([])
    expect(desk.command('scale', 500)).toBe('tare')
    expect(desk.command('tare')).toBe('ack')
    expect(desk.command('scale', 500)).toBe('small')
  })

  it('weighs to the gram after calibration, upside down too', () => {
    desk.calibrate()
    expect(desk.hear('lvl')).toMatchObject({ slot: 'detergent', v: 500, u: 'g' })
    for (const grams of [1400, 3, 420]) {
      desk.machine.scale.grams = grams
      expect(desk.hear('lvl', 4000)['v']).toBe(grams)
    }
    desk.machine.scale.grams = 0
    desk.run(2000)
    desk.command('tare')
    desk.machine.scale.grams = -500
    desk.run(2000)
    expect(desk.command('scale', 500)).toBe('ack')
    desk.machine.scale.grams = -250
    expect(desk.listen('lvl', 3000).at(-1)!['v']).toBe(250)
  })

  it('is busy while the load moves', () => {
    desk.run(2000)
    desk.machine.scale.grams = 300
    desk.run(250)
    expect(desk.command('tare')).toBe('busy')
    desk.run(1000)
    expect(desk.command('tare')).toBe('ack')
  })

  it('says nothing of a bottle that was lifted, of a missing sensor, or of too much weight', () => {
    desk.calibrate()
    desk.hear('lvl')
    desk.machine.scale.grams = -120
    expect(desk.hear('err')['e']).toBe('lifted')
    desk.machine.scale.grams = 1e6
    expect(desk.hear('err')['e']).toBe('overload')
    desk.machine.scale.grams = 480
    expect(desk.hear('lvl')['v']).toBe(480)
    desk.machine.scale.connected = false
    expect(desk.hear('err')['e']).toBe('sensor')
    expect(desk.listen('lvl', 5000)).toEqual([])
    desk.machine.scale.connected = true
    expect(desk.command('hello')).toBe('ack')
    expect(desk.hear('lvl', 4000)['v']).toBe(480)
  })

  it('signs its levels once it is paired, over resets and the loss of power', () => {
    desk.calibrate()
    expect(desk.hear('lvl')['m']).toBeUndefined()
    expect(desk.pair('bottle-1')).toBe('ack')
    expect(desk.command('hello')).toBe('ack')
    let highest = -1
    for (let boot = 0; boot < 5; boot += 1) {
      const hello = desk.hear('hello')
      expect(hello).toMatchObject({ id: 'bottle-1', k: '1c6c9554' })
      expect(hello['n']).toBeGreaterThan(highest)
      desk.run(1500)
      const at = desk.lines.findIndex((line) => line.t === 'lvl')
      expect(desk.lines[at]).toMatchObject({ v: 500, m: macOf(desk.texts[at]!, 'bottle-1') })
      expect(desk.lines[at]!['n']).toBeGreaterThanOrEqual(hello['n'] as number)
      highest = desk.lines[at]!['n'] as number
      desk.lines = []
      desk.texts = []
      desk.boot()
    }
  })

  it('stays what it was when pairing is not complete or does not fit', () => {
    expect(desk.command('save', 1)).toBe('key')
    expect(desk.command('id', 'bottle-1')).toBe('ack')
    for (let part = 0; part < 7; part += 1) desk.command('key', `${part}00000000`)
    expect(desk.command('save', 1)).toBe('key')
    expect(desk.command('key', '700000000')).toBe('ack')
    expect(desk.command('save', 1)).toBe('key')
    for (const wrong of ['8aabbccdd', '0AABBCCDD', '0aabbccd', '0aabbccddee'])
      expect(desk.command('key', wrong)).toBe('value')
    for (const wrong of ['', '-a', 'Bottle', 'sixteen-letters-', 'a b']) expect(desk.command('id', wrong)).toBe('value')
    desk.boot()
    desk.lines = []
    expect(desk.hear('hello')).toMatchObject({ id: 'load-cell', k: '' })
  })

  it('is paired or not, never half, when the power goes while the key is written', () => {
    for (let writes = 1; writes < 75; writes += 13) {
      const fresh = new Desk('LoadCell')
      fresh.hear('hello')
      fresh.writesUntilCut = writes
      let cut = false
      try {
        fresh.pair('bottle-1')
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error
        cut = true
      }
      fresh.writesUntilCut = Number.POSITIVE_INFINITY
      fresh.boot()
      fresh.lines = []
      const hello = fresh.hear('hello')
      expect([
        ['load-cell', ''],
        ['bottle-1', '1c6c9554'],
      ]).toContainEqual([hello['id'], hello['k']])
      if (!cut) expect(hello['k']).toBe('1c6c9554')
      expect(fresh.pair('bottle-1', KEY)).toBe('ack')
    }
  }, 60_000)

  it('does a command once, however often it comes, and answers each time', () => {
    desk.calibrate()
    const tare = sealed('{"t":"cmd","id":500,"name":"tare"}')
    desk.write(tare)
    expect(desk.hear('ack')['id']).toBe(500)
    desk.machine.scale.grams = 900
    desk.run(1500)
    desk.write(tare)
    expect(desk.hear('ack')['id']).toBe(500)
    // Tared at 500 g, not again at 900 g.
    expect(desk.command('hello')).toBe('ack')
    expect(desk.hear('lvl')['v']).toBe(400)
  })

  it('refuses what it does not know, and arguments that do not fit', () => {
    expect(desk.command('reboot')).toBe('unknown')
    expect(desk.command('lamp', 3)).toBe('value')
    expect(desk.command('lamp', 'on')).toBe('value')
    expect(desk.command('lamp')).toBe('value')
    expect(desk.command('tare', 1)).toBe('value')
    expect(desk.command('scale', 0)).toBe('value')
    expect(desk.command('scale', 60001)).toBe('value')
    expect(desk.command('ping')).toBe('ack')
  })

  it('hears the next command after garbage, floods and cut lines', () => {
    desk.hear('hello')
    for (const garbage of [
      '\u0000\u00ff}{*',
      'x'.repeat(400),
      '{"t":"cmd","id":9,"name":"la',
      '\n\n\n',
      '{"t":"cmd","id":9,"name":"lamp","v":1}*0000\n',
    ]) {
      desk.write(garbage)
      desk.run(100)
      desk.write('\n')
      expect(desk.command('ping')).toBe('ack')
    }
    desk.write('{"t":"cmd","id":9,"name":"la')
    expect(desk.command('ping')).toBe('ack')
    expect(desk.machine.lampOn).toBe(false)
  })

  it('lights, blinks and quenches the lamp', () => {
    expect(desk.command('lamp', 1)).toBe('ack')
    expect(desk.machine.lampOn).toBe(true)
    desk.command('lamp', 2)
    desk.lamp = []
    desk.run(5000)
    expect(desk.lamp).toHaveLength(10)
    desk.command('lamp', 0)
    expect(desk.machine.lampOn).toBe(false)
  })

  it('answers a command that comes while it computes a MAC', () => {
    desk.calibrate()
    desk.pair('bottle-1')
    for (let delayMs = 0; delayMs < 60; delayMs += 7) {
      desk.command('hello')
      desk.run(delayMs)
      expect(desk.command('ping')).toBe('ack')
    }
  })
})
