import type { ChainEvent } from '../ports/chain.ts'
import type { Db } from './database.ts'
import type { notifier } from './notifications.ts'
import { type RegistryEvent, registryEvents } from './registry-events.ts'

export type MandateEvent = Extract<ChainEvent, { type: 'mandate-granted' | 'mandate-revoked' }> | RegistryEvent

export function isAboutMandate(event: ChainEvent): event is MandateEvent {
  return event.type.startsWith('mandate-') || event.type.startsWith('device-')
}

/** Makes the function that applies what concerns mandates to their rows, inside the watcher's transaction; ours or none. */
export function mandateEvents(db: Db, tell: ReturnType<typeof notifier>): (event: MandateEvent, atMs: number) => void {
  const move = db.prepare<unknown[], { home_id: string; device_id: string }>(
    `UPDATE mandates SET state = @to, state_block = @block WHERE mandate_hash = @mandateHash AND state <> @to AND state <> 'revoked'
     RETURNING home_id, device_id`,
  )
  const wakeRules = db.prepare('UPDATE slots SET evaluate = 1 WHERE device_id = ?')
  const applyToDevice = registryEvents(db, tell)

  return (event, atMs) => {
    if ('registryId' in event) return applyToDevice(event, atMs)
    const to = event.type === 'mandate-granted' ? 'granted' : 'revoked'
    const row = move.get({ to, block: event.blockNumber, mandateHash: event.mandateHash })
    if (row === undefined) return
    wakeRules.run(row.device_id)
    const text =
      to === 'granted'
        ? `The mandate of ${row.device_id} holds now: it may order within it.`
        : `The mandate of ${row.device_id} is revoked: it orders nothing more under it.`
    tell({ homeId: row.home_id, deviceId: row.device_id, kind: 'update', text, txHash: event.txHash }, atMs)
  }
}
