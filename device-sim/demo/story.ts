import { styleText } from 'node:util'
import { formatMoney } from '../../gateway/domain/money.ts'
import type { Balances } from './outcome.ts'

const BAR_CELLS = 28
const MONEY_COLUMN = 16
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
/** Below this share the bar warns; the gateway's rule decides by itself. */
const LOW_SHARE = 0.2

type Style = Parameters<typeof styleText>[0]

/** Tells a run to a person, line by line: virtual date, what happened, and what it means. Plain text without colours. */
export class Story {
  readonly #write: (text: string) => void
  readonly #colours: boolean
  #lastHeading = ''

  constructor(write: (text: string) => void, colours: boolean) {
    this.#write = write
    this.#colours = colours
  }

  title(text: string): void {
    this.#write(`\n${this.#paint('bold', text)}\n`)
  }

  /** One thing that happened; more lines of the same moment and kind leave out both. */
  line(atMs: number, what: string, text: string): void {
    const heading = `${dateText(atMs)} ${what}`
    const [date, kind] = heading === this.#lastHeading ? ['', ''] : [dateText(atMs), what]
    this.#lastHeading = heading
    this.#write(`${this.#paint('dim', date.padEnd(16))} ${this.#paint('cyan', kind.padEnd(11))} ${text}\n`)
  }

  /** What the drawer's sensor sees, and why it changed. */
  level(atMs: number, cause: string, remainingMl: number, capacityMl: number): void {
    const share = remainingMl / capacityMl
    const bar = this.#paint(share < LOW_SHARE ? 'red' : 'green', barText(share))
    this.line(atMs, 'drawer', `${bar} ${String(remainingMl).padStart(4)} ml  ${this.#paint('dim', cause)}`)
  }

  money(before: Balances, after: Balances, token: { decimals: number; symbol: string }): void {
    const row = (who: string, cells: string[]) =>
      who.padEnd(MONEY_COLUMN) + cells.map((cell) => cell.padStart(MONEY_COLUMN)).join('')
    this.#write(`\n${this.#paint('bold', row('', ['before', 'after', 'change']))}\n`)
    for (const who of ['payer', 'escrow', 'seller'] as const) {
      const change = after[who] - before[who]
      const amounts = [before[who], after[who], change].map((amount) => formatMoney(amount, token))
      this.#write(`${row(who, amounts.with(2, `${change > 0n ? '+' : ''}${amounts[2]}`))}\n`)
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
function barText(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS)
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
}
