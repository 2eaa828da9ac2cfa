import { expect, test } from 'vitest'
import { Seed } from '../../gateway/lib/seed.ts'

test('the same name gives the same numbers, for ever', () => {
  const seed = new Seed('1')
  expect([seed.next(), seed.next(), seed.next()]).toMatchInlineSnapshot(`
    [
      0.6755079275462776,
      0.9816884049214423,
      0.2479399759322405,
    ]
  `)
  expect(new Seed('1').hex(8)).toMatchInlineSnapshot(`"af394a16"`)
})

test('a fork depends on names, not on what was drawn', () => {
  const drawn = new Seed('1')
  for (let draw = 0; draw < 10; draw++) drawn.next()
  expect(drawn.fork('home').next()).toBe(new Seed('1').fork('home').next())
  expect(drawn.fork('home').next()).not.toBe(drawn.fork('hall').next())
})

test('the distributions are what they say', () => {
  const seed = new Seed('statistics')
  const draws = Array.from({ length: 20_000 }, () => seed.between(10, 20))
  expect(Math.min(...draws)).toBeGreaterThanOrEqual(10)
  expect(Math.max(...draws)).toBeLessThan(20)
  expect(draws.reduce((sum, draw) => sum + draw) / draws.length).toBeCloseTo(15, 1)

  const normals = Array.from({ length: 20_000 }, () => seed.normal())
  const mean = normals.reduce((sum, draw) => sum + draw) / normals.length
  const variance = normals.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / normals.length
  expect(mean).toBeCloseTo(0, 1)
  expect(variance).toBeCloseTo(1, 1)

  const items = [{ weight: 3 }, { weight: 1 }, { weight: 0 }]
  const counts = [0, 0, 0]
  for (let draw = 0; draw < 20_000; draw++) counts[items.indexOf(seed.pick(items))]! += 1
  expect(counts[0]! / 20_000).toBeCloseTo(0.75, 1)
  expect(counts[2]).toBe(0)
  expect(() => seed.pick([])).toThrow('without weight')
})
