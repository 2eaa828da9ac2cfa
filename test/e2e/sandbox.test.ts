import { expect, it } from 'vitest'
import { type SandboxOptions, startSandbox } from '../../device-sim/sandbox.ts'

it.each<[object, string]>([
  [{ washers: -1 }, 'not { washers: -1 }'],
  [{ washers: 1.5 }, 'washers, 0 to 1000'],
  [{ washers: 'two' }, 'washers, 0 to 1000'],
  [{ washer: 3 }, 'not { washer: 3 }'],
  [{ seed: 5 }, 'and a seed, not { seed: 5 }'],
])('refuses %o with a sentence, and starts nothing', async (options, sentence) => {
  await expect(startSandbox(options as SandboxOptions)).rejects.toThrow(sentence)
})

it('refuses levels and times that cannot be', { timeout: 60_000 }, async () => {
  const home = await startSandbox()
  try {
    const [washer] = home.washers
    for (const ml of [-5, Number.NaN, 1_401]) {
      await expect(washer!.level(ml)).rejects.toThrow(`level takes millilitres, 0 to 1400, not ${ml}.`)
    }
    const atMs = home.nowMs()
    await expect(home.pass(-1)).rejects.toThrow('pass takes milliseconds, 0 and more, not -1.')
    expect(home.nowMs()).toBe(atMs)
  } finally {
    await home.stop()
  }
})
