import type { ChainEvent } from '../ports/chain.ts'
import type { Db } from './database.ts'
import type { notifier } from './notifications.ts'

export type RegistryEvent = Extract<ChainEvent, { type: 'device-registered' | 'device-released' }>
type Ended = { home_id: string; device_id: string }

/**
 * Makes the function that applies a log of the device registry, inside the watcher's transaction: mandates that name an
 * earlier epoch of the device have ended. Logs about devices that are not ours are passed over.
 */
export function registryEvents(
  db: Db,
  tell: ReturnType<typeof notifier>,
): (event: RegistryEvent, atMs: number) => void {
  const end = db.prepare<unknown[], Ended>(
    `UPDATE mandates SET state = 'ended', state_block = @block
     WHERE state IN ('signed', 'granted') AND device_id IN (SELECT device_id FROM registrations WHERE registry_id = @registryId)
       AND json_extract(file, '$.mandate.deviceId') = @registryId
       AND CAST(json_extract(file, '$.mandate.deviceEpoch') AS INTEGER) < @epoch
     RETURNING home_id, device_id`,
  )
  const wakeRules = db.prepare('UPDATE slots SET evaluate = 1 WHERE device_id = ?')

  return (event, atMs) => {
    const { registryId, epoch, blockNumber: block, txHash } = event
    const ended = end.all({ registryId: registryId.toString(), epoch, block })
    for (const [deviceId, [first]] of Map.groupBy(ended, (row) => row.device_id)) {
      wakeRules.run(deviceId)
      const what =
        event.type === 'device-registered' ? 'was registered anew' : 'was sold, given to a new owner or retired'
      const text =
        `${deviceId} ${what} in the device registry: its mandate has ended, and it orders nothing more under it. ` +
        `Orders already placed go on. If it is still yours, sign a new one with \`adept mandate sign ${deviceId}\`.`
      tell({ homeId: first!.home_id, deviceId, kind: 'update', text, txHash }, atMs)
    }
  }
}
