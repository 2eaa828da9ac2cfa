import { readdirSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gtin14 } from '../../gateway/domain/identifiers.ts'
import type { Appliance } from './appliance.ts'
import { wrongIn } from './appliance-check.ts'

const FOLDER = join(import.meta.dirname, 'appliances')
/** `.ts` here, `.js` in the package. */
const ENDING = extname(import.meta.filename)
const FILE_NAME = /^\d\d-([a-z]+(?:-[a-z]+)*)$/

/**
 * Every appliance that a home may have, by the name that scenarios and device ids use, in the order of the file names.
 * What a home has and how a shop's shelf lies hangs on this order: a new one takes the next number.
 */
export const APPLIANCES: Readonly<Record<string, Appliance>> = await appliancesIn(FOLDER)

/** In the same order. */
export const APPLIANCE_NAMES = Object.keys(APPLIANCES)

/** Reads a folder with a file for each appliance, such as `01-washer.ts`. Throws a sentence that names the file which is wrong. */
export async function appliancesIn(folder: string): Promise<Record<string, Appliance>> {
  const appliances: Record<string, Appliance> = {}
  const fileOfGtin = new Map<string, string>()
  for (const file of readdirSync(folder).sort()) {
    if (extname(file) !== ENDING) continue
    const path = join(folder, file)
    const name = nameOf(path)
    if (appliances[name] !== undefined) throw new Error(`${path}: there is another ${name} already.`)
    const appliance = await applianceOf(path)
    checkProducts(appliance, path, fileOfGtin)
    appliances[name] = appliance
  }
  return appliances
}

function nameOf(path: string): string {
  const [, name] = FILE_NAME.exec(basename(path, ENDING)) ?? []
  if (name !== undefined) return name
  throw new Error(`${path}: the name of its file is a number of two digits and a name, such as 01-washer${ENDING}.`)
}

async function applianceOf(path: string): Promise<Appliance> {
  try {
    const exported = Object.values((await import(pathToFileURL(path).href)) as object)
    const [appliance] = exported
    if (exported.length !== 1) {
      throw new Error(`it exports ${exported.length} things. It exports its appliance and nothing else.`)
    }
    const wrong = wrongIn(appliance)
    if (wrong !== undefined) throw new Error(wrong)
    return appliance as Appliance
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

/** A shop sells all products of all appliances: each GTIN is there once. `fileOfGtin` takes up those of this one. */
function checkProducts({ slots }: Appliance, path: string, fileOfGtin: Map<string, string>): void {
  for (const { gtin } of slots.flatMap(({ products }) => products)) {
    const other = fileOfGtin.get(gtin14(gtin))
    if (other !== undefined)
      throw new Error(`${path}: the GTIN ${gtin} stands in ${other} already. Each product has its own.`)
    fileOfGtin.set(gtin14(gtin), basename(path))
  }
}
