import type { HexBytes } from '../domain/identifiers.ts'
import { MandateFile } from '../domain/mandate.ts'
import type { MandateRow, MandateState, MandateStore } from '../ports/mandates.ts'
import type { Db } from './database.ts'

type Row = {
  home_id: string
  device_id: string
  file: string
  seller_url: string
  payer_signature: HexBytes
  state: MandateState
  fault: string
  created_at_ms: number
}

/** Mandates as they were signed. The chain watcher moves their state on: signed → granted → revoked. */
export function sqliteMandateStore(db: Db): MandateStore {
  const insert = db.prepare(
    `INSERT INTO mandates (mandate_hash, home_id, device_id, file, seller_url, payer_signature, state, created_at_ms)
     VALUES (@mandateHash, @homeId, @deviceId, @file, @sellerUrl, @payerSignature, 'signed', @createdAtMs)
     ON CONFLICT (mandate_hash) DO NOTHING`,
  )
  const ofHome = db.prepare<[string], Row>('SELECT * FROM mandates WHERE home_id = ? ORDER BY created_at_ms, rowid')
  const one = db.prepare<[string, string], Row>('SELECT * FROM mandates WHERE home_id = ? AND mandate_hash = ?')
  const ungranted = db.prepare<[number], Row>(
    `SELECT * FROM mandates WHERE state = 'signed' AND fault = '' ORDER BY rowid LIMIT ?`,
  )

  return {
    async add(row, payerSignature) {
      const { changes } = insert.run({
        mandateHash: row.file.mandateHash,
        homeId: row.homeId,
        deviceId: row.deviceId,
        file: JSON.stringify(row.file, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
        sellerUrl: row.sellerUrl,
        payerSignature,
        createdAtMs: row.createdAtMs,
      })
      return changes === 1 ? 'added' : 'exists'
    },
    async list(homeId) {
      return ofHome.all(homeId).flatMap((row) => readable(row) ?? [])
    },
    async get(homeId, mandateHash) {
      const row = one.get(homeId, mandateHash)
      return row && readable(row)
    },
    async ungranted(limit) {
      return ungranted.all(limit).map((row) => ({ file: read(row).file, payerSignature: row.payer_signature }))
    },
  }
}

/** One with a fault may not even be readable; the feed has told of it. */
function readable(row: Row): MandateRow | undefined {
  try {
    return read(row)
  } catch (error) {
    if (row.fault === '') throw error
    return undefined
  }
}

function read(row: Row): MandateRow {
  return {
    file: MandateFile.parse(JSON.parse(row.file)),
    homeId: row.home_id,
    deviceId: row.device_id,
    sellerUrl: row.seller_url,
    state: row.state,
    fault: row.fault,
    createdAtMs: row.created_at_ms,
  }
}
