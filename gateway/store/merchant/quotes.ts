import { SignedQuote } from '../../domain/quote.ts'
import { jsonText } from '../../lib/json.ts'
import type { QuoteBook } from '../../ports/merchant.ts'
import type { Db } from '../database.ts'

/** Asking for quotes is free, so what they take up is bounded: about 10 MB, all of it gone 15 minutes later. */
const MAX_OPEN_QUOTES = 10_000

export function quoteBook(db: Db, options: { maxOpenQuotes: number } = { maxOpenQuotes: MAX_OPEN_QUOTES }): QuoteBook {
  const select = db
    .prepare<[string, number, string, number], string>(
      'SELECT signed FROM quotes WHERE order_id = ? AND attempt = ? AND buyer = ? AND valid_before_seconds > ?',
    )
    .pluck()
  const forget = db.prepare<[number]>('DELETE FROM quotes WHERE valid_before_seconds <= ?')
  const count = db.prepare<[], number>('SELECT count(*) FROM quotes').pluck()
  const insert = db.prepare(
    'INSERT INTO quotes (order_id, attempt, buyer, signed, valid_before_seconds) VALUES (?, ?, ?, ?, ?)',
  )

  const keep = db.transaction((signed: SignedQuote, nowSeconds: number) => {
    const { orderId, attempt, buyer, validBeforeSeconds } = signed.quote
    const earlier = select.get(orderId, attempt, buyer, nowSeconds)
    if (earlier !== undefined) return { kind: 'kept' as const, signed: parse(earlier) }
    forget.run(nowSeconds)
    if (count.get()! >= options.maxOpenQuotes) return { kind: 'full' as const }
    insert.run(orderId, attempt, buyer, jsonText(signed), validBeforeSeconds)
    return { kind: 'kept' as const, signed }
  })

  return {
    async find({ orderId, attempt, buyer }, nowSeconds) {
      const row = select.get(orderId, attempt, buyer, nowSeconds)
      return row === undefined ? undefined : parse(row)
    },
    async keep(signed, nowSeconds) {
      return keep.immediate(signed, nowSeconds)
    },
  }
}

function parse(text: string): SignedQuote {
  return SignedQuote.parse(JSON.parse(text))
}
