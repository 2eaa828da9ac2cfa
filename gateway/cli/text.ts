import { InvalidArgumentError } from 'commander'
import { parseMoney } from '../domain/money.ts'
import { CliError } from './client.ts'

/** Columns as wide as their longest cell; an empty table gives `nothing`. */
export function table(header: string[], rows: string[][], nothing: string): string {
  if (rows.length === 0) return nothing
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `1 row`, `2 rows`; for nouns whose plural has an s. */
export function counts(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** `2026-03-01 14:05:09`, in the time zone of this terminal. */
export function localTime(atMs: number): string {
  // Swedish writes dates as ISO 8601 does.
  return new Date(atMs).toLocaleString('sv-SE')
}

/** Enough of an order's id to name it. */
export function shortId(orderId: string): string {
  return orderId.slice(0, 8)
}

/** `30d`, `24h`, `90m`, `45s` as seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(d|h|m|s)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('Give a number and d, h, m or s, such as 30d or 24h.')
  return Number(match[1]) * { d: 86_400, h: 3_600, m: 60, s: 1 }[match[2] as 'd' | 'h' | 'm' | 's']
}

/** `30 days`, `1 hour`, `5400 seconds`: the largest unit that fits. */
export function durationText(seconds: number): string {
  const [unit, length] =
    seconds % 86_400 === 0 ? ['day', 86_400] : seconds % 3_600 === 0 ? ['hour', 3_600] : ['second', 1]
  return `${seconds / length} ${unit}${seconds === length ? '' : 's'}`
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number above 0.')
  return Number(text)
}

/** `25.00` as token minor units, in decimal. */
export function minorUnits(option: string, text: string, token: { decimals: number; symbol: string }): string {
  const amount = parseMoney(text, token.decimals)
  if (amount === undefined) {
    throw new CliError(
      `${option} ${text} is no amount. Give it in ${token.symbol}, such as 25.00, with at most ${token.decimals} decimals.`,
      2,
    )
  }
  return amount.toString()
}
