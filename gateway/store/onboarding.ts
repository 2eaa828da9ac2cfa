import type { NewDevice } from '../ports/devices.ts'
import type { OnboardingStore } from '../ports/onboarding.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'
import { ENDED } from './order-rows.ts'

/** Makes the function that adds a device, or brings a removed one back as if it were new; inside a transaction. */
export function newDevices(db: Db): (device: NewDevice, atMs: number) => 'added' | 'exists' | 'order-open' {
  const insert = db.prepare(
    `INSERT INTO devices (device_id, home_id, secret_sha256, key_address, key_sealed, added_at_ms)
     VALUES (@deviceId, @homeId, @secretSha256, @keyAddress, @keySealed, @atMs) ON CONFLICT (device_id) DO NOTHING`,
  )
  const openOrders = ordersOpen(db)
  const revive = db.prepare(
    `UPDATE devices SET secret_sha256 = @secretSha256, key_address = @keyAddress, key_sealed = @keySealed, added_at_ms = @atMs,
            removed_at_ms = NULL, certificate_sha256 = NULL, may_pair = 0, description = NULL, described_at_ms = NULL,
            status = 'offline', status_at_ms = NULL
     WHERE device_id = @deviceId AND home_id = @homeId AND removed_at_ms IS NOT NULL`,
  )
  // Nothing can be signed under them any more: the key that they name is gone.
  const endMandates = db.prepare(`UPDATE mandates SET state = 'revoked' WHERE device_id = ? AND state <> 'revoked'`)
  const askForSlots = db.prepare(
    `UPDATE slots SET suspended_reason = 'new slot: confirm it with \`adept device confirm\`' WHERE device_id = ?`,
  )
  const isRemoved = db.prepare('SELECT 1 FROM devices WHERE device_id = ? AND removed_at_ms IS NOT NULL')

  return (device, atMs) => {
    if (insert.run({ ...device, atMs }).changes === 1) return 'added'
    if (isRemoved.get(device.deviceId) === undefined) return 'exists'
    // Its open orders end with the key that they began with.
    if (openOrders(device.deviceId).length > 0) return 'order-open'
    if (revive.run({ ...device, atMs }).changes === 0) return 'exists'
    endMandates.run(device.deviceId)
    askForSlots.run(device.deviceId)
    return 'added'
  }
}

/** `OnboardingStore` over the gateway's database. */
export function sqliteOnboardingStore(db: Db, channels: readonly Channel[]): OnboardingStore {
  const tell = notifier(db, channels)
  const add = newDevices(db)
  const openOrders = ordersOpen(db)
  const giveSecret = db.prepare(
    `UPDATE devices SET secret_sha256 = @secretSha256
     WHERE device_id = @deviceId AND home_id = @homeId AND may_pair = 1 AND removed_at_ms IS NULL`,
  )
  const letPair = db.prepare('UPDATE devices SET may_pair = 1 WHERE device_id = ?')
  const join = db.prepare<[string], { home_id: string }>(
    'UPDATE devices SET may_pair = 0 WHERE device_id = ? AND may_pair = 1 RETURNING home_id',
  )
  const isConfirmed = db.prepare('SELECT 1 FROM slots WHERE device_id = ? AND confirmed_at_ms IS NOT NULL')
  const rotate = db.prepare(
    `UPDATE devices SET secret_sha256 = ?, certificate_sha256 = NULL, may_pair = 1
     WHERE home_id = ? AND device_id = ? AND removed_at_ms IS NULL`,
  )
  const setCertificate = db.prepare(
    'UPDATE devices SET certificate_sha256 = ? WHERE home_id = ? AND device_id = ? AND removed_at_ms IS NULL',
  )
  const isThere = db.prepare('SELECT 1 FROM devices WHERE home_id = ? AND device_id = ? AND removed_at_ms IS NULL')
  const remove = db.prepare(
    `UPDATE devices SET removed_at_ms = ?, secret_sha256 = x'', certificate_sha256 = NULL, may_pair = 0 WHERE device_id = ?`,
  )
  const closeSlots = db.prepare(
    `UPDATE slots SET description = NULL, mode = 'notify', confirmed_at_ms = NULL, suspended_reason = 'the device was removed',
            evaluate = 0, evaluate_at_ms = NULL
     WHERE device_id = ?`,
  )
  const dropCommands = db.prepare(
    'UPDATE commands SET next_at_ms = NULL WHERE device_id = ? AND next_at_ms IS NOT NULL',
  )

  return {
    pair: inOneTransaction(db, (device, atMs) => {
      const added = add(device, atMs)
      if (added === 'order-open') return added
      if (added === 'added') letPair.run(device.deviceId)
      else if (giveSecret.run(device).changes === 0) return 'exists'
      return 'paired'
    }),
    joined: inOneTransaction(db, (deviceId, atMs) => {
      const row = join.get(deviceId)
      if (row === undefined) return
      const text =
        isConfirmed.get(deviceId) === undefined
          ? `${deviceId} has joined. It buys nothing before you confirm its slots and sign a mandate.`
          : `${deviceId} has its new password.`
      tell({ homeId: row.home_id, deviceId, kind: 'update', text }, atMs)
    }),
    async rotate(homeId, deviceId, secretSha256) {
      return rotate.run(secretSha256, homeId, deviceId).changes === 1
    },
    async setCertificate(homeId, deviceId, sha256) {
      return setCertificate.run(sha256, homeId, deviceId).changes === 1
    },
    remove: inOneTransaction(db, (homeId, deviceId, force, atMs) => {
      if (isThere.get(homeId, deviceId) === undefined) return { kind: 'unknown' }
      const open = openOrders(deviceId)
      if (open.length > 0 && !force) return { kind: 'order-open', openOrders: open }
      remove.run(atMs, deviceId)
      closeSlots.run(deviceId)
      dropCommands.run(deviceId)
      return { kind: 'removed', openOrders: open }
    }),
    tell: inOneTransaction(db, ({ homeId, deviceId, text }, atMs) => {
      tell({ homeId, kind: 'problem', text, ...(deviceId !== undefined && { deviceId }) }, atMs)
    }),
  }
}

function ordersOpen(db: Db): (deviceId: string) => string[] {
  const open = db.prepare<[string], { order_id: string }>(
    `SELECT order_id FROM orders WHERE device_id = ? AND state NOT IN (${ENDED}) ORDER BY created_at_ms`,
  )
  return (deviceId) => open.all(deviceId).map((row) => row.order_id)
}
