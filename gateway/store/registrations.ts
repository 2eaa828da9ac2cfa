import type { RegistrationStore } from '../ports/mandates.ts'
import type { Db } from './database.ts'

/** `RegistrationStore` over the gateway's database. */
export function sqliteRegistrationStore(db: Db): RegistrationStore {
  const select = db
    .prepare<[string, string], string>(
      'SELECT registry_id FROM registrations JOIN devices USING (device_id) WHERE home_id = ? AND device_id = ?',
    )
    .pluck()
  const upsert = db.prepare(
    `INSERT INTO registrations (device_id, registry_id) VALUES (?, ?)
     ON CONFLICT (device_id) DO UPDATE SET registry_id = excluded.registry_id`,
  )
  return {
    async of(homeId, deviceId) {
      const id = select.get(homeId, deviceId)
      return id === undefined ? undefined : BigInt(id)
    },
    async set(deviceId, registryId) {
      upsert.run(deviceId, registryId.toString())
    },
  }
}
