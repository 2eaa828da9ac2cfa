import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Audit, audit } from '../../gateway/orders/audit.ts'
import { sqliteAuditStore } from '../../gateway/store/audit.ts'
import { HOUR_MS, type Home, openHome, PRICE } from './home.ts'

let home: Home
beforeEach(async () => {
  home = await openHome()
  await home.signMandate({ coolingOffSeconds: 0 })
  await home.confirm('auto')
  await home.level(1400)
  await home.pass(HOUR_MS)
  await home.level(800)
  await home.pass(HOUR_MS)
  await home.level(250)
})
afterEach(() => home.close())

async function audited(more: { nudge?(): unknown; patienceMs?: number } = {}) {
  const parts = { store: sqliteAuditStore(home.db), chain: home.chain, nudge: home.drain, ...more }
  let last: Audit | undefined
  for await (const line of audit(parts, home.homeId)) last = line
  if (last?.kind !== 'done') throw new Error('The audit did not end.')
  return last
}
const clean = { authorizations: 1, mandates: 1, differing: 0, unread: 0, first: undefined }
async function paid() {
  const terms = await home.ship()
  await home.pass(HOUR_MS)
  await home.level(1400)
  await home.actions.received(home.homeId, (await home.onlyOrder()).orderId, 'owner')
  await home.drain()
  await home.capture()
  return terms
}

it('a life of an order is clean at every stage, to the unit', async () => {
  expect(await audited()).toMatchObject({ ...clean, inEscrow: PRICE, inEscrowText: '12.49 TUSD' })
  const terms = await paid()
  expect(await audited()).toMatchObject({ ...clean, inEscrow: 0n })
  await home.selling.refund(terms, 490_001n, home.transactions.save)
  await home.drain()
  expect(await audited()).toMatchObject(clean)
  await home.selling.refund(terms, PRICE - 490_001n, home.transactions.save)
  await home.drain()
  expect((await home.onlyOrder()).state).toBe('refunded')
  expect(await audited()).toMatchObject(clean)
})

it('a cancelled order and a revoked mandate are clean', async () => {
  await home.actions.cancel(home.homeId, (await home.onlyOrder()).orderId, 'owner')
  await home.drain()
  const { mandate } = (await sqliteAuditStore(home.db).mandate((await sqliteAuditStore(home.db).mandates('home'))[0]!))
    .file
  await home.wallet.revoke(mandate, home.transactions.save)
  await home.drain()
  expect(home.db.prepare('SELECT state FROM mandates').get()).toEqual({ state: 'revoked' })
  expect(await audited()).toMatchObject({ ...clean, inEscrow: 0n })
})

describe('a row that the database has otherwise', () => {
  it('is named, with what both say', async () => {
    const tampered: [sql: string, table: string, why: RegExp][] = [
      [
        `UPDATE authorizations SET state = 'shipped'`,
        'authorizations',
        /says shipped, 12\.49 TUSD; the chain says authorized, 12\.49 TUSD\.$/,
      ],
      [
        `UPDATE authorizations SET terms = json_set(terms, '$.amount', '12490001')`,
        'authorizations',
        /says held, 12\.490001 TUSD; the chain says authorized, 12\.49 TUSD\.$/,
      ],
      [`UPDATE orders SET state = 'shipped'`, 'authorizations', /is held on chain too, but the order is shipped\.$/],
      [`UPDATE mandates SET state = 'revoked'`, 'mandates', /says revoked, the chain granted\.$/],
      [
        `UPDATE mandates SET last_nonce = 0`,
        'mandates',
        /has seen its authorization 1, the database only 0\. .*older than the chain\.$/,
      ],
      [`DELETE FROM authorizations`, 'mandates', /knows 0 open orders under it, the chain 1\.$/],
    ]
    for (const [sql, table, why] of tampered) {
      home.db.exec(`BEGIN; ${sql}`)
      const { differing, unread, first } = await audited({ nudge: () => undefined })
      home.db.exec('ROLLBACK')
      expect(first, sql).toMatchObject({ table, why: expect.stringMatching(why) })
      expect(differing).toBeGreaterThan(0)
      expect(unread).toBe(0)
    }
  })

  it('is named when a paid amount is a unit off', async () => {
    await paid()
    home.db.exec(`UPDATE order_steps SET amount = amount - 1 WHERE to_state = 'completed' AND amount IS NOT NULL`)
    expect((await audited()).first).toMatchObject({
      table: 'authorizations',
      why: expect.stringMatching(/says captured, 12\.489999 TUSD; the chain says captured, 12\.49 TUSD\.$/),
    })
  })
})

it('a chain that is ahead is waited for; what is not read in time is told apart', async () => {
  const order = home.shop.messages.find(({ kind }) => kind === 'order')
  if (order?.kind !== 'order') throw new Error('The shop was told of no order.')
  const shipment = `0x${randomBytes(32).toString('hex')}` as const
  await home.selling.ship([{ terms: order.terms, shipment }], home.transactions.save)
  expect(await audited({ nudge: () => undefined, patienceMs: 0 })).toMatchObject({ ...clean, unread: 1 })
  expect(await audited()).toMatchObject(clean)
  expect((await home.onlyOrder()).state).toBe('shipped')
})
