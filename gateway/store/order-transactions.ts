import type { TransactionStore } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { Db } from './database.ts'
import { sqliteTransactionStore } from './transactions.ts'

/** The gateway's `TransactionStore`: an order whose authorization failed is looked at at once, not at the end of its quote. */
export function orderTransactionStore(db: Db, clock: Clock): TransactionStore {
  const wake = db.prepare(
    `UPDATE orders SET next_at_ms = ? FROM authorizations
     WHERE orders.state = 'quoted' AND authorizations.order_id = orders.order_id AND authorizations.attempt = orders.attempt
       AND authorizations.tx_hash IN (
         SELECT same.tx_hash FROM transactions AS failed JOIN transactions AS same USING (sender, nonce) WHERE failed.tx_hash = ?)`,
  )
  return sqliteTransactionStore(db, clock, (txHash, outcome, atMs) => {
    if (outcome !== 'included') wake.run(atMs, txHash)
  })
}
