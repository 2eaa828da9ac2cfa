import {
  compactSignature,
  encodeBasket,
  escrow,
  payeesTree,
  productsTree,
  type Section,
} from '../../contracts/escrow.ts'
import type { Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Mandate, MandateFile, MandateProduct } from '../domain/mandate.ts'
import type { AuthorizationItem, Basket } from '../ports/chain.ts'
import { productLeaf } from './digests.ts'

/** EIP-7825: no transaction may ask for more gas. */
const MAX_TRANSACTION_GAS = 16_777_216n
/**
 * Gas is reckoned, not estimated: an estimate finds the least with which `authorizeBatch` succeeds, and that is one with
 * which its baskets are refused. Twice what was measured; the chain returns the rest.
 */
const BASE_GAS = 60_000n
const GAS_PER_BASKET = 100_000n
const GAS_PER_ORDER = 120_000n
/** Mandates whose trees are remembered: those of 64 products and 64 sellers take 30 ms to build. */
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

/** Roots of the two trees of a mandate. */
export function mandateRoots(
  products: MandateFile['products'],
  payees: MandateFile['payees'],
): Pick<Mandate, 'productsRoot' | 'payeesRoot'> {
  return {
    productsRoot: productsTree(products.map(contractProduct)).root as Hex32,
    payeesRoot: payeesTree(payees).root as Hex32,
  }
}

/** One section per mandate, with a line for each seller and product; nonces must rise over all of its lines. */
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

function isOfLine({ authorization: { seller, productLeaf } }: AuthorizationItem, first: AuthorizationItem): boolean {
  return seller === first.authorization.seller && productLeaf === first.authorization.productLeaf
}

/** The seller and the product are proven once for all orders of the line. */
function lineOf(items: AuthorizationItem[]): Section['lines'][number] {
  const { file, authorization } = items[0]!
  const { leaves, products, payees } = treesOf(file)
  const product = leaves.indexOf(authorization.productLeaf)
  const payee = file.payees.findIndex((candidate) => candidate.payee === authorization.seller)
  if (product < 0) throw new Error(`The mandate ${file.mandateHash} does not name the product of an order.`)
  if (payee < 0) throw new Error(`The mandate ${file.mandateHash} does not name the seller ${authorization.seller}.`)
  return {
    seller: authorization.seller,
    payeeSalt: file.payees[payee]!.salt,
    payeeProof: payees.getProof(payee),
    product: contractProduct(file.products[product]!),
    productProof: products.getProof(product),
    orders: items.map((item) => ({ ...item.authorization, ...compactSignature(item.signature) })),
  }
}

type Trees = {
  leaves: Hex32[]
  products: ReturnType<typeof productsTree>
  payees: ReturnType<typeof payeesTree>
}
const remembered = new Map<Hex32, Trees>()

/** Trees of a mandate, whose hash commits to them. */
function treesOf(file: MandateFile): Trees {
  const known = remembered.get(file.mandateHash)
  if (known !== undefined) return known
  const trees = {
    leaves: file.products.map(productLeaf),
    products: productsTree(file.products.map(contractProduct)),
    payees: payeesTree(file.payees),
  }
  const [oldest] = remembered.keys()
  if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  remembered.set(file.mandateHash, trees)
  return trees
}

function contractProduct({ salt, gtin, packSize, maxUnitPrice }: MandateProduct) {
  return { salt, gtin: BigInt(gtin), packSize, maxUnitPrice }
}
