import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { Gtin, gtin14 } from '../domain/identifiers.ts'
import { Product } from '../domain/quote.ts'

const PRICE_HINT = 'a price is a whole number of minor units in quotes, such as "12490000"'

/** A product on the shelf; `stock` is how many packs this shop can sell in all, unlimited when absent. */
export const CatalogueProduct = z.strictObject({
  ...Product.shape,
  gtin: z.string('a GTIN is text: put it in quotes').pipe(Gtin),
  priceMinorUnits: z
    .string(PRICE_HINT)
    .regex(/^[1-9]\d{0,27}$/, PRICE_HINT)
    .transform(BigInt),
  stock: z.int().nonnegative().optional(),
})
export type CatalogueProduct = z.infer<typeof CatalogueProduct>

/** What the shop sells. Prices are token minor units as text: 1 test dollar = "1000000". */
export const Catalogue = z
  .strictObject({
    name: z.string().min(1).max(80),
    products: z.array(CatalogueProduct).min(1).max(10_000),
  })
  .superRefine(({ products }, context) => {
    const seen = new Set<string>()
    for (const [index, { gtin }] of products.entries()) {
      if (seen.has(gtin14(gtin))) {
        context.addIssue({ code: 'custom', path: ['products', index, 'gtin'], message: `${gtin} is in the list twice` })
      }
      seen.add(gtin14(gtin))
    }
  })
export type Catalogue = z.infer<typeof Catalogue>

/** The shop of the demo. */
export const DEMO_CATALOGUE = join(import.meta.dirname, 'demo-catalogue.yaml')

/** Reads a catalogue file; throws a sentence with the file's name and each field that is wrong. */
export function readCatalogue(file: string): Catalogue {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`The catalogue ${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  let data: unknown
  try {
    data = parse(text)
  } catch (error) {
    throw new Error(`The catalogue ${file} is not YAML: ${(error as Error).message}`, { cause: error })
  }
  const parsed = Catalogue.safeParse(data)
  if (!parsed.success) throw new Error(`The catalogue ${file} has mistakes:\n${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** GTINs of all lengths name the same product when their 14-digit forms are equal. */
export function findProduct(catalogue: Catalogue, gtin: Gtin): CatalogueProduct | undefined {
  return catalogue.products.find((product) => gtin14(product.gtin) === gtin14(gtin))
}
