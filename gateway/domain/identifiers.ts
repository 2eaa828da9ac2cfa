import { z } from 'zod'

/** Name of a device, also its MQTT user name and client id: 1–63 characters, as in a DNS label (DOMAIN.md, wire). */
export const DeviceId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a device id is 1–63 characters of a–z, 0–9 and -, and does not begin with -')
export type DeviceId = z.infer<typeof DeviceId>

/** Name of one consumable of one device, such as `detergent`: 1–32 characters. */
export const SlotName = z.string().regex(/^[a-z][a-zA-Z0-9-]{0,31}$/, 'a slot name is 1–32 letters, digits and -')
export type SlotName = z.infer<typeof SlotName>

/** Name of a home; every query is scoped by it. */
export const HomeId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
export type HomeId = z.infer<typeof HomeId>

/** A UUID that the rules make before anybody else hears of the order. */
export const OrderId = z.uuid()
export type OrderId = z.infer<typeof OrderId>

/** A 20-byte account, lower case so that two spellings of one account compare equal. */
export const Address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hex digits')
  .transform((text) => text.toLowerCase() as `0x${string}`)
export type Address = `0x${string}`

/** 32 bytes as 0x and 64 lower-case hex digits: hashes, salts, digests. */
export const Hex32 = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hex digits')
  .transform((text) => text.toLowerCase() as `0x${string}`)
export type Hex32 = `0x${string}`

/** Any even number of bytes as 0x-hex. */
export const HexBytes = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/, 'expected 0x and an even number of hex digits')
  .transform((text) => text.toLowerCase() as `0x${string}`)
export type HexBytes = `0x${string}`

/** A GTIN of 8, 12, 13 or 14 digits as text, with a correct check digit (GS1 General Specifications 7.9). */
export const Gtin = z
  .string()
  .regex(/^(\d{8}|\d{12}|\d{13}|\d{14})$/, 'a GTIN has 8, 12, 13 or 14 digits')
  .refine(hasGtinCheckDigit, 'the check digit of this GTIN is wrong')
export type Gtin = z.infer<typeof Gtin>

function hasGtinCheckDigit(digits: string): boolean {
  let sum = 0
  for (const [index, digit] of [...digits].reverse().entries()) sum += Number(digit) * (index % 2 === 1 ? 3 : 1)
  return sum % 10 === 0
}

/** The 14-digit form under which GTINs of all lengths compare equal. */
export function gtin14(gtin: Gtin): Gtin {
  return gtin.padStart(14, '0')
}
