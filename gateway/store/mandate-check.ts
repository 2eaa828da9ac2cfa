import type { Hex32 } from '../domain/identifiers.ts'
import { MandateFile } from '../domain/mandate.ts'
import type { MandateCheckStore } from '../ports/mandates.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'

/** `MandateCheckStore` over the gateway's database. */
export function sqliteMandateCheckStore(db: Db, channels: readonly Channel[]): MandateCheckStore {
  const tell = notifier(db, channels)
  const inUse = db.prepare<[], { mandateHash: Hex32; deviceId: string; file: string; fault: string }>(
    `SELECT mandate_hash AS mandateHash, device_id AS deviceId, file, fault FROM mandates
     WHERE state IN ('signed', 'granted') ORDER BY created_at_ms, rowid`,
  )
  const setFault = db.prepare<[string, string], { homeId: string; deviceId: string }>(
    `UPDATE mandates SET fault = ? WHERE mandate_hash = ? RETURNING home_id AS homeId, device_id AS deviceId`,
  )
  const wakeRules = db.prepare('UPDATE slots SET evaluate = 1 WHERE device_id = ?')
  return {
    inUse: async () => inUse.all().map((row) => ({ ...row, file: fileOf(row.file) })),
    judge: inOneTransaction(db, (mandateHash, fault, atMs) => {
      const row = setFault.get(fault, mandateHash)
      if (row === undefined) return
      wakeRules.run(row.deviceId)
      const text =
        fault === ''
          ? `The stored mandate of ${row.deviceId} is again what was signed: it is used.`
          : `${fault} It is not used: nothing is ordered under it. Revoke it with its wallet, restore a backup, or sign a new one with \`adept mandate sign ${row.deviceId}\`.`
      tell({ ...row, kind: fault === '' ? 'update' : 'problem', text }, atMs)
    }),
  }
}

function fileOf(text: string): MandateFile | undefined {
  try {
    return MandateFile.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
