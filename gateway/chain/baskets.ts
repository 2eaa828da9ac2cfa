import {
  compactSignature,
  encodeBasket,
  escrow,
  payeesTree,
  productsTree,
  type Section,
} from '../../contracts/escrow.ts'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Mandate, MandateFile, MandateProduct } from '../domain/mandate.ts'
import type { AuthorizationItem, Basket } from '../ports.ts'
import { productLeaf } from './digests.ts'

/** EIP-7825: no transaction may ask for more gas. */
const MAX_TRANSACTION_GAS = 16_777_216n
/**
 * Gas is reckoned, not estimated: an estimate finds the least with which `authorize` succeeds, and that is one with
 * which its baskets are refused. Twice what was measured; the chain returns the rest.
 */
const BASE_GAS = 60_000n
const GAS_PER_BASKET = 100_000n
const GAS_PER_ORDER = 120_000n
/** Mandates whose trees are remembered: those of 64 products and 64 sellers take 30 ms to build. */
const MAX_REMEMBERED = 256

/** Call data and gas of one `authorize`; throws a sentence when it needs more gas than a transaction may have. */
export function encodeAuthorize(baskets: readonly Basket[]): { data: HexBytes; gasLimit: bigint } {
  const orders = baskets.reduce((sum, basket) => sum + basket.length, 0)
  const gasLimit = BASE_GAS + GAS_PER_BASKET * BigInt(baskets.length) + GAS_PER_ORDER * BigInt(orders)
  if (gasLimit > MAX_TRANSACTION_GAS) {
    throw new RangeError(
      `${orders} orders in ${baskets.length} baskets need more gas than one transaction may have; send fewer at once.`,
    )
  }
  return { data: escrow.encode('authorize', [baskets.map(encodedBasket)]) as HexBytes, gasLimit }
}

function encodedBasket(items: Basket): HexBytes {
  return encodeBasket([...Map.groupBy(items, ({ file }) => file.mandateHash).values()].map(sectionOf))
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

/** One section per mandate: each seller and product is proven once for all its orders, whose nonces must rise. */
function sectionOf(items: AuthorizationItem[]): Section {
  const { file } = items[0]!
  const { leaves, products, payees } = treesOf(file)
  const usedProducts = [...new Set(items.map(({ authorization }) => leaves.indexOf(authorization.productLeaf)))]
  const usedPayees = [...new Set(items.map(({ authorization }) => payeeOf(authorization.seller, file)))]
  if (usedProducts.includes(-1))
    throw new Error(`The mandate ${file.mandateHash} does not name the product of an order.`)
  if (usedPayees.includes(-1)) throw new Error(`The mandate ${file.mandateHash} does not name the seller of an order.`)
  return {
    mandate: file.mandate,
    payees: usedPayees.map((index) => ({
      salt: file.payees[index]!.salt,
      seller: file.payees[index]!.payee,
      proof: payees.getProof(index),
    })),
    products: usedProducts.map((index) => ({
      ...contractProduct(file.products[index]!),
      proof: products.getProof(index),
    })),
    orders: items
      .toSorted((a, b) => a.authorization.nonce - b.authorization.nonce)
      .map(({ authorization, signature }) => ({
        ...authorization,
        payee: BigInt(usedPayees.indexOf(payeeOf(authorization.seller, file))),
        product: BigInt(usedProducts.indexOf(leaves.indexOf(authorization.productLeaf))),
        ...compactSignature(signature),
      })),
  }
}

const payeeOf = (seller: Address, file: MandateFile) => file.payees.findIndex(({ payee }) => payee === seller)

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
