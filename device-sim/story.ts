import { styleText } from 'node:util'
import { formatMoney } from '../gateway/domain/money.ts'
import type { Balances } from './verdict.ts'

const BAR_CELLS = 28
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
/** Below this share the bar warns; the gateway's rule decides by itself. */
const LOW_SHARE = 0.2

type Style = Parameters<typeof styleText>[0]

/** Tells a run to a person, line by line: virtual date, what happened, and what it means. Plain text without colours. */
export class Story {
  readonly #write: (text: string) => void
  readonly #colours: boolean

  constructor(write: (text: string) => void, colours: boolean) {
    this.#write = write
    this.#colours = colours
  }

  title(text: string): void {
    this.#write(`\n${this.#paint('bold', text)}\n`)
  }

  line(atMs: number | undefined, what: string, text: string): void {
    const date = this.#paint('dim', (atMs === undefined ? '' : dateText(atMs)).padEnd(17))
    this.#write(`${date} ${this.#paint('cyan', what.padEnd(16))} ${text}\n`)
  }

  /** A washed load: its dose, and what the drawer's sensor sees. */
  level(atMs: number, what: string, text: string, remainingMl: number, capacityMl: number): void {
    const share = remainingMl / capacityMl
    const bar = this.#paint(share < LOW_SHARE ? 'red' : 'green', barText(share))
    this.line(atMs, what, `${bar} ${String(remainingMl).padStart(4)} ml  ${this.#paint('dim', text)}`)
  }

  money(before: Balances, after: Balances, token: { decimals: number; symbol: string }): void {
    this.#write(
      `\n${this.#paint('bold', `${''.padEnd(17)} ${'before'.padStart(16)} ${'after'.padStart(16)} ${'change'.padStart(16)}`)}\n`,
    )
    for (const who of ['payer', 'escrow', 'seller'] as const) {
      const amounts = [before[who], after[who], after[who] - before[who]].map((amount) =>
        formatMoney(amount, token).padStart(16),
      )
      this.#write(`${who.padEnd(17)} ${amounts.join(' ')}\n`)
    }
    this.#write('\n')
  }

  good(text: string): void {
    this.#write(`${this.#paint('green', '✔')} ${text}\n`)
  }

  bad(text: string): void {
    this.#write(`${this.#paint('red', '✘')} ${text}\n`)
  }

  /** Raw lines of a child's log. */
  log(name: string, lines: string[]): void {
    this.#write(`\n${this.#paint('bold', `Last words of the ${name}:`)}\n${lines.join('\n') || '(none)'}\n`)
  }

  #paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text
  }
}

/** `Mon 02 Mar 14:20`, UTC. */
export function dateText(atMs: number): string {
  const date = new Date(atMs)
  const [day, month, , time] = date.toUTCString().slice(5).split(' ')
  return `${WEEKDAYS[date.getUTCDay()]} ${day} ${month} ${time?.slice(0, 5)}`
}

/** A share of 0–1 as a bar of fixed width. */
export function barText(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS)
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
}
