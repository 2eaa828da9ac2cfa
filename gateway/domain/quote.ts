import { z } from 'zod'
import { Address, Gtin, HexBytes, OrderId } from './identifiers.ts'
import { MinorUnits } from './money.ts'

/** What a buyer asks a seller: one attempt of one order. */
export const QuoteRequest = z.strictObject({
  orderId: OrderId,
  attempt: z.int().positive(),
  /** The wallet that will pay. */
  buyer: Address,
  gtin: Gtin,
  /** Packs. */
  quantity: z.int().min(1).max(1000),
})
export type QuoteRequest = z.infer<typeof QuoteRequest>

/**
 * A seller's binding price for one attempt of one order of one buyer. Its EIP-712 digest (domain `ADEPT Quote`, version 1,
 * the chain's id) is the quote hash; used before it expires, the signed quote is the seller's acceptance.
 */
export const Quote = z.strictObject({
  orderId: OrderId,
  attempt: z.int().positive(),
  buyer: Address,
  seller: Address,
  token: Address,
  gtin: Gtin,
  productName: z.string().min(1).max(120),
  /** Content of one pack, in `contentUnit`. */
  packSize: z.int().positive(),
  contentUnit: z.enum(['ml', 'g', 'count']),
  quantity: z.int().positive(),
  /** Everything included, token minor units. */
  totalMinorUnits: MinorUnits,
  /** Chain seconds, exclusive. */
  validBeforeSeconds: z.int().positive(),
  /** The seller ships at most this many seconds after cooling off. */
  shipWithinSeconds: z.int().positive(),
})
export type Quote = z.infer<typeof Quote>

export const SignedQuote = z.strictObject({ quote: Quote, signature: HexBytes })
export type SignedQuote = z.infer<typeof SignedQuote>

/** Why a seller does not quote; `retry` says whether asking again later can help. */
export const QuoteRefusal = z.strictObject({ reason: z.string().max(300), retry: z.boolean() })
export type QuoteRefusal = z.infer<typeof QuoteRefusal>

/** An entry of a seller's catalogue. */
export const Product = z.strictObject({
  sku: z.string().min(1).max(64),
  gtin: Gtin,
  name: z.string().min(1).max(120),
  packSize: z.int().positive(),
  contentUnit: z.enum(['ml', 'g', 'count']),
  /** Token minor units per pack, everything included. */
  priceMinorUnits: MinorUnits,
})
export type Product = z.infer<typeof Product>

/** What `GET /v1/seller` tells: who is paid, and what may be bought. */
export const SellerProfile = z.strictObject({
  name: z.string().min(1).max(80),
  address: Address,
  token: Address,
  chainId: z.int().positive(),
  products: z.array(Product).max(10_000),
})
export type SellerProfile = z.infer<typeof SellerProfile>
