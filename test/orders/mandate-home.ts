import { join } from 'node:path'
import { addressOf, newSigningKey } from '../../gateway/chain/keys.ts'
import { payerWallet } from '../../gateway/chain/signers.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import type { SellerProfile } from '../../gateway/domain/quote.ts'
import { mandateVerbs } from '../../gateway/orders/mandates.ts'
import type { Chain, PayerWallet } from '../../gateway/ports/chain.ts'
import type { MandateRequest, MandateVerbs } from '../../gateway/ports/mandates.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { sqliteMandateStore } from '../../gateway/store/mandates.ts'
import { sqliteRegistrationStore } from '../../gateway/store/registrations.ts'
import { type Market, saveTo } from '../chain/fixture.ts'

export const HOME = 'home'
export const SELLER: Address = '0x00000000000000000000000000000000000000aa'
const ONE_COIN_WEI = '0xde0b6b3a7640000'

export const REQUEST: MandateRequest = {
  homeId: HOME,
  deviceId: 'washer',
  sellerUrl: 'http://127.0.0.1:8788',
  allowance: 50_000_000n,
  periodSeconds: 30 * 86_400,
  maxPerOrder: 25_000_000n,
  coolingOffSeconds: 86_400,
  days: 365,
}

/** A home with a device, a payer and a database of its own; the chain is shared. */
export type MandateHome = {
  db: Db
  chain: Chain
  wallet: PayerWallet
  verbs: MandateVerbs
  profile: SellerProfile
  faults: unknown[]
  /** The washer tells which products its only slot takes. */
  describeSlot(...gtins: string[]): void
}
export async function openHome(market: Market): Promise<MandateHome> {
  const { chain, connection, clock } = market
  const payerKey = newSigningKey()
  const db = openDatabase(join(market.folder, `home-${addressOf(payerKey)}.db`), 'gateway')
  await connection.rpc.send('anvil_setBalance', [addressOf(payerKey), ONE_COIN_WEI])
  const wallet = payerWallet(connection, market.senderOf(payerKey), payerKey)
  const profile: SellerProfile = {
    name: 'Corner Shop',
    address: SELLER,
    token: chain.facts.token.address,
    chainId: chain.facts.chainId,
    products: [
      {
        sku: 'D',
        gtin: '4006381333931',
        name: 'Detergent',
        packSize: 1400,
        contentUnit: 'ml',
        priceMinorUnits: 12_490_000n,
      },
    ],
  }
  db.prepare(`INSERT INTO homes VALUES (?, 'UTC')`).run(HOME)
  const devices = sqliteDeviceStore(db)
  const keyAddress = addressOf(market.deviceKey)
  const secret = Buffer.alloc(32)
  await devices.add({ deviceId: 'washer', homeId: HOME, secretSha256: secret, keyAddress, keySealed: secret }, 1)
  const faults: unknown[] = []
  const verbs = mandateVerbs({
    registrations: sqliteRegistrationStore(db),
    devices,
    mandates: sqliteMandateStore(db),
    seller: { profile: async () => ({ kind: 'profile', profile }) },
    chain,
    wallet,
    save: saveTo(market),
    clock,
    onFault: (error) => faults.push(error),
  })
  const describeSlot = (...gtins: string[]) => {
    const description: SlotDescription = {
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      degradationDirection: 'down',
      replacementProducts: gtins.map((value) => ({ type: 'ean', value })),
    }
    db.prepare('INSERT INTO slots (device_id, slot, description) VALUES (?, ?, ?)').run(
      'washer',
      'detergent',
      JSON.stringify(description),
    )
  }
  return { db, chain, wallet, verbs, profile, faults, describeSlot }
}
