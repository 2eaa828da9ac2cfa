import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { measureGas, movedFigures, readSnapshot } from './gas-figures.ts'
import { readmeGas } from './gas-readme.ts'

test('an order takes the gas of the snapshot: npm run bench:gas -- --update writes a new one', async () => {
  expect(movedFigures(await measureGas(), readSnapshot())).toEqual([])
}, 120_000)

test('the README shows the snapshot', () => {
  expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(readmeGas(readSnapshot()))
})
