import { z } from 'zod'

/** An exact amount of token minor units (1 test dollar = 1_000_000); a decimal string on every wire, bigint inside. */
export const MinorUnits = z.union([
  z.bigint().nonnegative(),
  z
    .string()
    .regex(/^\d{1,29}$/, 'an amount is a whole number of minor units, as a decimal string')
    .transform(BigInt),
])
export type MinorUnits = bigint

/** Writes an amount with the token's decimals and symbol, such as `12.49 USDT`; at least two decimals are shown. */
export function formatMoney(minorUnits: bigint, token: { decimals: number; symbol: string }): string {
  const sign = minorUnits < 0n ? '-' : ''
  const digits = (minorUnits < 0n ? -minorUnits : minorUnits).toString().padStart(token.decimals + 1, '0')
  const whole = digits.slice(0, digits.length - token.decimals)
  const fraction = digits.slice(digits.length - token.decimals).replace(/0+$/, '')
  return `${sign}${whole}.${fraction.padEnd(2, '0')} ${token.symbol}`
}

/** Reads a person's `12.49`; undefined when it is no amount or has more decimals than the token. */
export function parseMoney(text: string, decimals: number): bigint | undefined {
  const match = /^(\d{1,18})(?:\.(\d+))?$/.exec(text)
  if (match === null || (match[2]?.length ?? 0) > decimals) return undefined
  return BigInt(match[1] + (match[2] ?? '').padEnd(decimals, '0'))
}
