import { describe, expect, it } from 'vitest'
import { Desk } from './desk.ts'
import { checkPortable } from './native.ts'

it.each(['LoadCell', 'AnalogLevel', 'RunningLowButton', 'WifiLoadCell'])(
  '%s needs no more than the Arduino API',
  (sketch) => {
    expect(() => checkPortable(sketch)).not.toThrow()
  },
)

it('measures a voltage in percent', () => {
  const desk = new Desk('AnalogLevel')
  expect(desk.hear('hello')).toMatchObject({ id: 'analog-level', u: 'percent' })
  desk.machine.setVolts(0.5)
  desk.run(1500)
  expect(desk.command('tare')).toBe('ack')
  desk.machine.setVolts(4.5)
  desk.run(1500)
  expect(desk.command('scale', 100)).toBe('ack')
  expect(desk.hear('lvl')).toMatchObject({ v: 100, u: 'percent' })
  desk.machine.setVolts(2.5)
  expect(desk.hear('lvl')['v']).toBe(50)
})

describe('the button', () => {
  const press = (desk: Desk, ms: number) => {
    desk.machine.setButton(true)
    desk.run(ms)
    desk.machine.setButton(false)
  }

  it('knows no level before it is pressed, and has no scale', () => {
    const desk = new Desk('RunningLowButton')
    expect(desk.hear('hello')).toMatchObject({ id: 'button', u: 'percent' })
    expect(desk.hear('err')['e']).toBe('uncalibrated')
    expect(desk.command('tare')).toBe('unknown')
    expect(desk.command('scale', 5)).toBe('unknown')
  })

  it('reports low at a press, full at a long one, and remembers it without power', () => {
    const desk = new Desk('RunningLowButton')
    press(desk, 2500)
    expect(desk.hear('lvl')).toMatchObject({ v: 100, u: 'percent' })
    desk.run(1500)
    press(desk, 10)
    expect(desk.listen('lvl', 3000)).toEqual([])
    press(desk, 150)
    expect(desk.hear('lvl')['v']).toBe(10)
    desk.boot()
    expect(desk.hear('lvl')['v']).toBe(10)
  }, 60_000)

  it('blinks until the gateway sets the lamp, or for a minute', () => {
    const desk = new Desk('RunningLowButton')
    desk.run(1000)
    press(desk, 150)
    desk.lamp = []
    desk.run(4000)
    expect(desk.lamp.length).toBeGreaterThanOrEqual(7)
    expect(desk.command('lamp', 1)).toBe('ack')
    desk.lamp = []
    desk.run(4000)
    expect(desk.lamp).toEqual([])
    expect(desk.machine.lampOn).toBe(true)
  })
})
