import { compactSignature, encodeBasket, escrow, type Offer, offersTree, type Section } from '../../contracts/escrow.ts'
import type { Hex32, HexBytes } from '../domain/identifiers.ts'
import type { MandateFile, MandateOffer } from '../domain/mandate.ts'
import type { AuthorizationItem, Basket } from '../ports/chain.ts'

/** EIP-7825: no transaction may ask for more gas. */
export const MAX_TRANSACTION_GAS = 16_777_216n
/**
 * Gas is reckoned, not estimated: an estimate finds the least with which `authorizeBatch` succeeds, and that is one with
 * which its baskets are refused. Twice what was measured; the chain returns the rest.
 */
const BASE_GAS = 60_000n
const GAS_PER_BASKET = 100_000n
const GAS_PER_ORDER = 120_000n
/** Mandates whose trees are remembered: one of 64 offers takes 15 ms to build. */
const MAX_REMEMBERED = 256

/** Call data and gas of one `authorize`: a basket as a transaction of its own, which reverts when it is refused. */
export function encodeAuthorize(basket: Basket): { data: HexBytes; gasLimit: bigint } {
  return { data: escrow.encode('authorize', [sectionsOf(basket)]) as HexBytes, gasLimit: gasOf([basket]) }
}

/** Call data and gas of one `authorizeBatch`, whose logs report the baskets that it refuses. */
export function encodeAuthorizeBatch(baskets: readonly Basket[]): { data: HexBytes; gasLimit: bigint } {
  const data = escrow.encode('authorizeBatch', [baskets.map((basket) => encodeBasket(sectionsOf(basket)))])
  return { data: data as HexBytes, gasLimit: gasOf(baskets) }
}

/** Throws a sentence when they need more gas than a transaction may have. */
function gasOf(baskets: readonly Basket[]): bigint {
  const orders = baskets.reduce((sum, basket) => sum + basket.length, 0)
  const gas = BASE_GAS + GAS_PER_BASKET * BigInt(baskets.length) + GAS_PER_ORDER * BigInt(orders)
  if (gas <= MAX_TRANSACTION_GAS) return gas
  throw new RangeError(
    `${orders} orders in ${baskets.length} baskets need more gas than one transaction may have; send fewer at once.`,
  )
}

function sectionsOf(items: Basket): Section[] {
  return [...Map.groupBy(items, ({ file }) => file.mandateHash).values()].map(sectionOf)
}

/** Root of the tree of a mandate's offers. */
export function offersRoot(offers: readonly MandateOffer[]): Hex32 {
  return offersTree(offers.map(contractOffer)).root
}

/** One section per mandate, with a line for each offer; nonces must rise over all of its lines. */
function sectionOf(items: AuthorizationItem[]): Section {
  const byNonce = items.toSorted((a, b) => a.authorization.nonce - b.authorization.nonce)
  const lines: AuthorizationItem[][] = []
  for (const item of byNonce) {
    const last = lines.at(-1)
    if (last !== undefined && isOfLine(item, last[0]!)) last.push(item)
    else lines.push([item])
  }
  return { mandate: items[0]!.file.mandate, lines: lines.map(lineOf) }
}

function isOfLine({ authorization }: AuthorizationItem, first: AuthorizationItem): boolean {
  return authorization.offerLeaf === first.authorization.offerLeaf
}

/** The offer is proven once for all orders of the line. */
function lineOf(items: AuthorizationItem[]): Section['lines'][number] {
  const { file, authorization } = items[0]!
  const { indexOf, tree } = treeOf(file)
  const index = indexOf.get(authorization.offerLeaf)
  if (index === undefined) throw new Error(`The mandate ${file.mandateHash} does not name the offer of an order.`)
  return {
    offer: contractOffer(file.offers[index]!),
    proof: tree.getProof(index),
    orders: items.map((item) => ({ ...item.authorization, ...compactSignature(item.signature) })),
  }
}

type Tree = { indexOf: Map<Hex32, number>; tree: ReturnType<typeof offersTree> }
const remembered = new Map<Hex32, Tree>()

/** The tree of a mandate, whose hash commits to it. */
function treeOf(file: MandateFile): Tree {
  const known = remembered.get(file.mandateHash)
  if (known !== undefined) return known
  const tree = offersTree(file.offers.map(contractOffer))
  const entry = { indexOf: new Map(file.offers.map((_, index) => [tree.getLeaf(index), index])), tree }
  const [oldest] = remembered.keys()
  if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  remembered.set(file.mandateHash, entry)
  return entry
}

function contractOffer(offer: MandateOffer): Offer {
  return { ...offer, gtin: BigInt(offer.gtin) }
}
