import { beforeEach, describe, expect, it } from 'vitest'
import { Hx711 } from '../../../firmware-bridge/simulator/hx711.ts'

describe('the simulated HX711', () => {
  let data = true
  let chip: Hx711
  beforeEach(() => {
    chip = new Hx711((high) => {
      data = high
    })
  })

  /** Clocks out so many bits from `at` on, 10 µs each. */
  const clock = (at: number, pulses: number) => {
    let bits = 0
    for (let pulse = 0; pulse < pulses; pulse += 1) {
      chip.clock(true, at + pulse * 1e-5)
      bits = (bits << 1) | Number(data)
      chip.clock(false, at + pulse * 1e-5 + 5e-6)
    }
    return bits
  }

  it('has no sample before it has settled, and then one each 100 ms', () => {
    expect(data).toBe(true)
    expect(chip.dueAt).toBe(0.4)
    chip.tick(0.4)
    expect(data).toBe(false)
    expect(chip.dueAt).toBeCloseTo(0.5)
  })

  it('shifts out 24 bits, most significant first, in two’s complement; a 25th pulse ends it', () => {
    chip.grams = 500
    chip.tick(0.4)
    expect(clock(0.41, 24)).toBe(58_000)
    clock(0.42, 1)
    expect(data).toBe(true)
    chip.grams = -500
    chip.tick(0.5)
    expect((clock(0.51, 24) << 8) >> 8).toBeCloseTo(-42_000, -2)
  })

  it('stays at the end of its range', () => {
    chip.grams = 1e6
    chip.tick(0.4)
    expect(clock(0.41, 24)).toBe(0x7fffff)
  })

  it('falls asleep when its clock is high for more than 60 µs, and loses the sample', () => {
    chip.tick(0.4)
    chip.clock(true, 0.41)
    chip.clock(false, 0.41 + 61e-6)
    expect(data).toBe(true)
    expect(chip.dueAt).toBeCloseTo(0.81, 3)
  })
})
