import type { Hex32 } from '../domain/identifiers.ts'
import type { OpenTransaction, SignedTransaction, TransactionStore } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { Db } from './database.ts'

type Row = {
  tx_hash: Hex32
  sender: `0x${string}`
  nonce: number
  purpose: string
  raw: `0x${string}`
  created_at_ms: number
  replaced: string
}

/**
 * Keeps signed bytes before they are sent, inside the caller's transaction. A second open transaction of one sender and
 * nonce is refused by the schema: two processes use one key.
 */
export function insertTransaction(db: Db, tx: SignedTransaction, atMs: number): void {
  db.prepare(
    `INSERT INTO transactions (tx_hash, sender, nonce, purpose, raw, state, created_at_ms)
     VALUES (@txHash, @sender, @nonce, @purpose, @raw, 'sent', @atMs)`,
  ).run({ ...tx, atMs })
}

/**
 * `TransactionStore` over any database with the `transactions` table: the gateway's and the merchant agent's. `onOutcome` hears
 * in the same commit what became of a transaction: after a reorg that may be something else than before.
 */
export function sqliteTransactionStore(
  db: Db,
  clock: Clock,
  onOutcome: (txHash: Hex32, outcome: 'included' | 'reverted' | 'lost', atMs: number) => void = () => undefined,
): TransactionStore {
  const highestNonce = db
    .prepare<[string], number | null>('SELECT MAX(nonce) FROM transactions WHERE sender = ?')
    .pluck()
  const open = db.prepare<[string, number], Row>(
    `SELECT *, (SELECT json_group_array(tx_hash) FROM transactions earlier
                WHERE earlier.sender = tx.sender AND earlier.nonce = tx.nonce AND earlier.state = 'replaced') AS replaced
     FROM transactions tx WHERE sender = ? AND state = 'sent' ORDER BY nonce LIMIT ?`,
  )
  const replaceOthers = db.prepare(
    `UPDATE transactions SET state = 'replaced' FROM transactions settled
     WHERE settled.tx_hash = ? AND transactions.sender = settled.sender AND transactions.nonce = settled.nonce
       AND transactions.tx_hash <> settled.tx_hash AND transactions.state = 'sent'`,
  )
  const markReplaced = db.prepare(`UPDATE transactions SET state = 'replaced' WHERE tx_hash = ? AND state = 'sent'`)
  const markSettled = db.prepare(
    `UPDATE transactions SET state = @state, block_number = @blockNumber, block_hash = @blockHash WHERE tx_hash = @txHash`,
  )
  const markLost = db.prepare(`UPDATE transactions SET state = 'lost' WHERE tx_hash = ? AND state = 'sent'`)
  const reopen = db.prepare(
    `UPDATE transactions SET state = 'sent', block_number = NULL, block_hash = NULL
     WHERE sender = ? AND nonce >= ? AND state IN ('included', 'reverted')`,
  )
  return {
    async nextNonce(sender) {
      const highest = highestNonce.get(sender)
      return highest === null || highest === undefined ? undefined : highest + 1
    },
    async save(tx) {
      insertTransaction(db, tx, clock.nowMs())
    },
    async open(sender, limit) {
      return open.all(sender, limit).map(openTransactionOf)
    },
    async replace(old, tx) {
      db.transaction(() => {
        // Settled meanwhile: then nothing is left to replace.
        if (markReplaced.run(old).changes === 1) insertTransaction(db, tx, clock.nowMs())
      }).immediate()
    },
    async settle(txHash, receipt) {
      db.transaction(() => {
        replaceOthers.run(txHash)
        markSettled.run({ txHash, ...receipt })
        onOutcome(txHash, receipt.state, clock.nowMs())
      }).immediate()
    },
    async lose(txHash) {
      db.transaction(() => {
        if (markLost.run(txHash).changes === 1) onOutcome(txHash, 'lost', clock.nowMs())
      }).immediate()
    },
    async reopen(sender, fromNonce) {
      return reopen.run(sender, fromNonce).changes
    },
  }
}

function openTransactionOf(row: Row): OpenTransaction {
  return {
    txHash: row.tx_hash,
    sender: row.sender,
    nonce: row.nonce,
    purpose: row.purpose,
    raw: row.raw,
    createdAtMs: row.created_at_ms,
    replaced: JSON.parse(row.replaced) as Hex32[],
  }
}
