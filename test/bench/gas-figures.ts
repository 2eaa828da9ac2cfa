import { readFileSync, writeFileSync } from 'node:fs'
import { openTown, type SignedOrder, type Town } from './town.ts'

const BATCH = 50
const MERKLE_DEPTH = 4
const BIG_HOMES = 10

/** Gas of `orders` orders of one transaction (or one per seller), and of each order on average. */
export type GasRow = {
  what: string
  orders: number
  households: number
  sellers: number
  parcels: number
  merkleDepth: number
  authorize: number
  ship: number
  capture: number
  /** Of one order: authorize, ship, capture. */
  perOrder: number
}

/** Runs every scenario on a chain of its own and reads the gas from the receipts: intrinsic gas, calldata and refunds included. */
export async function measureGas(): Promise<GasRow[]> {
  // Ten households with five devices, which share a cap, and fifty with one.
  const devices = Array.from({ length: BIG_HOMES + BATCH }, (_, home) => (home < BIG_HOMES ? 5 : 1))
  await using town = await openTown({ devices, sellers: 5, merkleDepth: MERKLE_DEPTH, seed: 'gas' })
  const all = town.households
  const orderOf = (home: number, device: number, seller: number) => town.signOrder(all[home]!.devices[device]!, seller)
  const fifty = (make: (index: number) => SignedOrder) => Array.from({ length: BATCH }, (_, index) => make(index))
  // Signed when they are placed: numbers rise.
  const oneHome = () => fifty((index) => orderOf(0, index % 5, 0))
  const oneHomeFiveSellers = () => fifty((index) => orderOf(0, index % 5, Math.floor(index / 10)))
  const tenHomes = () => fifty((index) => orderOf(index % BIG_HOMES, Math.floor(index / BIG_HOMES), index % 5))
  return [
    await life(town, 'a single order', [orderOf(BIG_HOMES, 0, 0)]),
    await life(town, 'one household, five devices', oneHome()),
    await life(town, 'the same, each order in a parcel of its own', oneHome(), false),
    await life(town, 'one household, five devices, five sellers', oneHomeFiveSellers()),
    await life(town, 'ten households, five devices each', tenHomes()),
    await life(
      town,
      'fifty households',
      fifty((index) => orderOf(BIG_HOMES + index, 0, 0)),
    ),
  ]
}

const SNAPSHOT = new URL('gas-snapshot.json', import.meta.url)
/** A figure that moves by more than this share is a change of the contracts or of the encoding. */
const TOLERANCE = 0.01

export function readSnapshot(): GasRow[] {
  return JSON.parse(readFileSync(SNAPSHOT, 'utf8')) as GasRow[]
}

export function writeSnapshot(rows: GasRow[]): void {
  writeFileSync(SNAPSHOT, `${JSON.stringify(rows, null, 2)}\n`)
}

/** A sentence for each figure that is not the snapshot's. */
export function movedFigures(rows: GasRow[], snapshot: GasRow[]): string[] {
  if (rows.length !== snapshot.length)
    return [`There are ${rows.length} scenarios, and ${snapshot.length} in the snapshot.`]
  return rows.flatMap((row, index) => {
    const before = snapshot[index]!
    const verbs = ['authorize', 'ship', 'capture', 'perOrder'] as const
    return verbs
      .filter((verb) => Math.abs(row[verb] - before[verb]) > TOLERANCE * before[verb])
      .map((verb) => `"${row.what}": ${verb} takes ${row[verb]} gas per order, ${before[verb]} in the snapshot.`)
  })
}

/** @param together Whether the orders of one device and one seller travel in one parcel. */
async function life(town: Town, what: string, orders: SignedOrder[], together = true): Promise<GasRow> {
  const baskets = [...Map.groupBy(orders, ({ terms }) => terms.payer).values()]
  const authorize = await town.gasUsed(
    await town.chain.authorize(
      baskets.map((basket) => basket.map(({ item }) => item)),
      town.save,
    ),
  )
  const parcels = [
    ...Map.groupBy(orders, ({ terms }) =>
      together ? terms.mandateHash + terms.seller : terms.authorizationId,
    ).values(),
  ].map((parcel) => town.pack(parcel))
  let [ship, capture] = [0n, 0n]
  const sellers = town.sellers.filter(({ address }) => orders.some(({ terms }) => terms.seller === address))
  for (const seller of sellers) {
    const own = parcels.filter(([first]) => first!.terms.seller === seller.address).flat()
    ship += await town.gasUsed(await seller.ship(own, town.save))
    capture += await town.gasUsed(await seller.capture(own, town.save))
  }
  for (const { terms } of orders) {
    const { state } = await town.chain.hold(terms)
    if (state !== 'captured') throw new Error(`An order of "${what}" is ${state} and not captured.`)
  }
  const perOrder = (gas: number) => Math.round(gas / orders.length)
  return {
    what,
    orders: orders.length,
    households: baskets.length,
    sellers: sellers.length,
    parcels: parcels.length,
    merkleDepth: MERKLE_DEPTH,
    authorize: perOrder(Number(authorize)),
    ship: perOrder(Number(ship)),
    capture: perOrder(Number(capture)),
    perOrder: perOrder(Number(authorize + ship + capture)),
  }
}
