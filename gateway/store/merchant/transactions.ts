import type { TransactionStore } from '../../ports/chain.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Db } from '../database.ts'
import { sqliteTransactionStore } from '../transactions.ts'

/**
 * The shop's `TransactionStore`: an order is looked at as soon as its transaction has a receipt. One that was taken for done
 * too: after a reorg the same bytes may have done nothing.
 */
export function sellerTransactionStore(db: Db, clock: Clock): TransactionStore {
  const wake = db.prepare(
    `UPDATE orders SET next_at_ms = ?
     WHERE state NOT IN ('cancelled', 'reclaimed', 'settled', 'decided') AND tx_hash IN (
       SELECT same.tx_hash FROM transactions AS settled JOIN transactions AS same USING (sender, nonce) WHERE settled.tx_hash = ?)`,
  )
  return sqliteTransactionStore(db, clock, (txHash, _outcome, atMs) => void wake.run(atMs, txHash))
}
