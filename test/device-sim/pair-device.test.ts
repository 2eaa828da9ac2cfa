import { afterEach, beforeEach, expect, it } from 'vitest'
import { MqttDevice } from '../../device-sim/mqtt-device.ts'
import { pairDevice } from '../../device-sim/pair-device.ts'
import { type Door, startDoor } from '../broker/door.ts'
import { HOME, NOW_MS, WASHER } from '../broker/fixture.ts'

let door: Door
beforeEach(async () => {
  const loopback = { host: '127.0.0.1', port: 0 }
  door = await startDoor({ tls: loopback, webSocket: loopback })
})
afterEach(() => door.stop())

it('pairs by TLS with nothing but what the homeowner was shown, and connects by TLS and WebSocket', async () => {
  const { code, authorityFingerprint } = door.desk.openPairing(HOME, 5, 1)
  const { secret, ca } = await pairDevice({ url: door.url('mqtts'), deviceId: 'washer-1', code, authorityFingerprint })
  for (const [boot, scheme] of ['mqtts', 'wss'].entries()) {
    const device = new MqttDevice({
      url: door.url(scheme),
      ca,
      deviceId: 'washer-1',
      password: secret,
      description: WASHER,
      session: `boot-${boot}`,
      onOrder: () => undefined,
    })
    await device.connect()
    await device.report({ topic: 'consumable', slot: 'detergent', remaining: 900, unit: 'ml', measuredAtMs: NOW_MS })
    await device.close()
  }
  expect(door.db.prepare('SELECT count(*) AS n FROM readings').get()).toEqual({ n: 2 })
})

it('shows its code to nobody but the gateway that it was made for', async () => {
  const { code } = door.desk.openPairing(HOME, 5, 1)
  const request = { url: door.url('mqtts'), deviceId: 'washer-1', code, authorityFingerprint: '00'.repeat(32) }
  await expect(pairDevice(request)).rejects.toThrow(/is not the gateway of this pairing code/)
  await expect(pairDevice({ ...request, authorityFingerprint: undefined })).rejects.toThrow(/is not the gateway/)
  expect(door.desk.pairing()).toMatchObject({ isOpen: true, wrongCodes: 0, waitingFor: [] })
})
