import { expect, it } from 'vitest'
import { FaultPlan } from '../../device-sim/faults/plan.ts'
import { Striker } from '../../device-sim/faults/strike.ts'
import { runPure } from '../../device-sim/run/pure.ts'
import { runReal } from '../../device-sim/run/real.ts'
import type { RealOptions } from '../../device-sim/run/real-scene.ts'
import { Scenario } from '../../device-sim/scenario/schema.ts'

const scenario = Scenario.parse({
  about: 'Six homes for ten days.',
  population: {
    homes: 6,
    appliances: { washer: 1, dishwasher: 0.5, 'coffee-machine': 0.5 },
    fullAtStart: { least: 0.1, most: 0.5 },
  },
  days: 10,
  tickMinutes: 240,
})

async function play(played = scenario, strike: RealOptions['strike'] = async () => undefined) {
  const phases = new Set<string>()
  let holds: number[] = []
  const result = await runReal(played, {
    plan: new FaultPlan(played),
    strike,
    async atEnd(scene) {
      holds = [...scene.acknowledged()].map(({ seqs }) => seqs)
    },
    onProgress: ({ phase }) => phases.add(phase),
    signal: new AbortController().signal,
  })
  return { result, phases: [...phases], acknowledged: holds.reduce((sum, seqs) => sum + seqs, 0) }
}

it('plays the same orders twice through the real gateway, and the same as the pure run', {
  timeout: 300_000,
}, async () => {
  const first = await play()
  expect(first.result.problems).toEqual([])
  expect(first.result.orders.length).toBeGreaterThan(5)
  expect(first.result.counts.parcels).toBeGreaterThan(0)
  // Every report is on the gateway's disk.
  expect(first.acknowledged).toBe(first.result.counts.reports)
  expect(first.phases.slice(0, 2)).toEqual(['starting gateway, shop and chain', 'adding 6 homes'])
  expect(first.result.days.map(({ day }) => day)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

  const second = await play()
  expect(second.result.orders).toEqual(first.result.orders)
  expect(runPure(scenario).orders).toEqual(first.result.orders)
})

it('plays the same orders twice when processes are killed and the chain takes blocks back', {
  timeout: 300_000,
}, async () => {
  // A reorg, kills of all three, and a seller who is away, within twelve days.
  const struck = Scenario.parse({
    ...scenario,
    seed: '99',
    days: 12,
    faults: {
      kills: { gateway: 6, chain: 4, shop: 6 },
      reorgs: { everyDays: 4, blocks: 3 },
      sellerOutages: { everyDays: 10 },
    },
  })
  const kinds = new Set<string>()
  const once = async () => {
    const striker = new Striker(struck.seed)
    const { result } = await play(struck, (happening, scene) => {
      kinds.add(happening.kind === 'kill' ? `kill ${happening.victim}` : happening.kind)
      return striker.strike(happening, scene)
    })
    return result.orders
  }
  const orders = await once()
  expect([...kinds].sort()).toEqual(['kill chain', 'kill gateway', 'kill shop', 'reorg', 'seller-away', 'seller-back'])
  expect(orders.length).toBeGreaterThan(5)
  expect(await once()).toEqual(orders)
})

it('ends at once when it is told to', async () => {
  const ending = new AbortController()
  const run = runReal(scenario, {
    plan: new FaultPlan(scenario),
    strike: async () => undefined,
    atEnd: async () => undefined,
    onProgress: ({ phase }) => phase === 'day' && ending.abort(new Error('You ended it.')),
    signal: ending.signal,
  })
  await expect(run).rejects.toThrow('You ended it.')
})
