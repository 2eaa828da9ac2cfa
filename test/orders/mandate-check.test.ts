import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkStoredMandates } from '../../gateway/orders/mandate-check.ts'
import type { Chain } from '../../gateway/ports/chain.ts'
import { sqliteMandateCheckStore } from '../../gateway/store/mandate-check.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { sqliteOrderStore } from '../../gateway/store/orders.ts'
import { GTIN, type Home, openHome } from './home.ts'

let home: Home
let hash: string
let stored: string
beforeAll(async () => {
  home = await openHome()
  hash = (await home.signMandate()).mandateHash
  stored = home.db.prepare<[], string>('SELECT file FROM mandates').pluck().get()!
}, 60_000)
afterAll(() => home?.close())

const start = (chain: Chain = home.chain) =>
  checkStoredMandates({ store: sqliteMandateCheckStore(home.db, []), chain, clock: home.clock })
const usable = () => sqliteOrderStore(home.db, []).mandatesFor('washer-1', GTIN)
const problems = async () => (await home.feed()).filter(({ kind }) => kind === 'problem').map(({ text }) => text)

test.each([
  ['a cap', ['"allowance":"50000000"', '"allowance":"90000000"'], 'hashes to 0x'],
  ['an offer', ['"maxUnitPrice":"13740000"', '"maxUnitPrice":"93740000"'], 'names other offers'],
  ['the text', ['OBLIGATION', 'DUTY'], 'has another text'],
  ['the whole file', [/^.*$/s, '{'], 'cannot be read'],
])('a stored mandate in which %s was changed is not used, and told of once', async (_what, [from, to], why) => {
  const changed = stored.replace(from!, to as string)
  expect(changed).not.toBe(stored)
  await start()
  expect(await usable()).toHaveLength(1)
  home.db.prepare('UPDATE mandates SET file = ?').run(changed)
  const before = (await problems()).length
  await start()
  await start()
  expect(await usable()).toEqual([])
  const told = (await problems()).slice(before)
  expect(told).toEqual([expect.stringContaining(why)])
  expect(told[0]).toContain(`${hash} of washer-1`)
  expect(told[0]).toContain('nothing is ordered under it')
  await expect(sqliteMandateStore(home.db).list(home.homeId)).resolves.toBeInstanceOf(Array)

  home.db.prepare('UPDATE mandates SET file = ?').run(stored)
  await start()
  expect(await usable()).toHaveLength(1)
  expect((await home.feed()).at(-1)?.text).toContain('again what was signed')
})

test('with another chain in the settings no mandate is used, until the settings are right again', async () => {
  const elsewhere = { ...home.chain, mandateHash: () => `0x${'9'.repeat(64)}` as const }
  await start(elsewhere)
  expect(await usable()).toEqual([])
  await start()
  expect(await usable()).toHaveLength(1)
})
