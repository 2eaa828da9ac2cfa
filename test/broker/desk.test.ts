import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deviceRights } from '../../gateway/broker/rights.ts'
import { closed, type Door, refusal, startDoor } from './door.ts'
import { DETERGENT, HOME, level, WASHER } from './fixture.ts'

let door: Door
beforeEach(async () => {
  door = await startDoor()
})
afterEach(() => door.stop())

const connect = (deviceId: string, password: string, more: object = {}) =>
  door.client(door.url('mqtt'), { clientId: deviceId, username: deviceId, password, ...more })
const will = { topic: 'adept/v1/washer-1/status', payload: Buffer.from('offline'), qos: 1 as const, retain: true }

function openOrder(deviceId: string): string {
  const orderId = 'aaaa1111-0000-4000-8000-000000000001'
  door.db
    .prepare(
      `INSERT INTO orders (order_id, home_id, device_id, slot, gtin, quantity, mode, state, state_changed_at_ms, attempt, created_at_ms, reasons)
       VALUES (?, ?, ?, 'detergent', '4006381333931', 1, 'auto', 'shipped', 1, 1, 1, '[]')`,
    )
    .run(orderId, HOME, deviceId)
  return orderId
}

describe('rotation', () => {
  it('ends the old secret and its connection at once; the new one works', async () => {
    const password = await door.add('washer-1')
    const device = await connect('washer-1', password, { will })
    await device.publishAsync(will.topic, 'online', { qos: 1, retain: true })
    const end = closed(device)
    const rotated = await door.desk.rotate(HOME, 'washer-1')
    await end
    expect(await refusal(connect('washer-1', password))).toBe(4)
    expect(await refusal(connect('washer-1', rotated.ok ? rotated.password : ''))).toBe(0)
    expect(await door.desk.rotate(HOME, 'dryer')).toMatchObject({ ok: false })
    expect(await door.desk.rotate('another-home', 'washer-1')).toMatchObject({ ok: false })
  })
})

describe('removal', () => {
  it('drops the live connection and keeps the history; what comes back is new', async () => {
    const password = await door.add('washer-1')
    const device = await connect('washer-1', password, { will, clean: false })
    await device.publishAsync('adept/v1/washer-1/description', JSON.stringify(WASHER), { qos: 1, retain: true })
    await device.publishAsync('adept/v1/washer-1/consumable', level(0, 900), { qos: 1 })
    await device.subscribeAsync('adept/v1/washer-1/command', { qos: 1 })
    await door.devices.confirm(HOME, 'washer-1', undefined, 'auto', 1)
    const end = closed(device)
    expect(await door.desk.remove(HOME, 'washer-1', false)).toEqual({
      ok: true,
      sentence: 'washer-1 is removed and may not connect any more; its history stays.',
    })
    await end
    expect(door.broker.connectedCount()).toBe(0)
    expect(await refusal(connect('washer-1', password))).toBe(4)
    expect(await door.devices.list(HOME)).toEqual([])
    expect(await door.devices.get(HOME, 'washer-1')).toBeUndefined()
    expect(await door.devices.confirm(HOME, 'washer-1', undefined, 'auto', 1)).toEqual([])
    expect(door.db.prepare('SELECT count(*) AS n FROM readings').get()).toEqual({ n: 1 })
    expect(await door.desk.remove(HOME, 'washer-1', false)).toMatchObject({ ok: false })

    const again = await connect('washer-1', await door.add('washer-1'), { clean: false })
    await again.publishAsync('adept/v1/washer-1/description', JSON.stringify(WASHER), { qos: 1, retain: true })
    expect((await door.devices.get(HOME, 'washer-1'))?.slots).toMatchObject([
      { description: DETERGENT, mode: 'notify', confirmed: false, suspendedReason: expect.stringMatching(/^new slot/) },
    ])
  })

  it('waits for open orders, unless it is told not to', async () => {
    await door.add('washer-1')
    openOrder('washer-1')
    expect(await door.desk.remove(HOME, 'washer-1', false)).toEqual({
      ok: false,
      sentence: expect.stringMatching(/open order \(aaaa1111\).*adept order cancel.*With --force .* the order goes on/),
    })
    expect(await door.devices.list(HOME)).toHaveLength(1)
    expect(await door.desk.remove(HOME, 'washer-1', true)).toEqual({
      ok: true,
      sentence: expect.stringMatching(/Its open order aaaa1111 goes on: say `adept order received`/),
    })
    // The order still needs the key that it began with.
    expect(await door.devices.sealedKeyOf('washer-1')).toBeDefined()
    await expect(door.add('washer-1')).resolves.toBeDefined()
    expect(await door.devices.list(HOME)).toEqual([])
    door.db.exec(`UPDATE orders SET state = 'completed'`)
    await door.add('washer-1')
    expect(await door.devices.list(HOME)).toHaveLength(1)
  })
})

describe('who fails too often', () => {
  it('is refused unseen for a minute, and the homeowner is told once', async () => {
    const password = await door.add('washer-1')
    for (let wrong = 0; wrong < 10; wrong++) expect(await refusal(connect('washer-1', 'wrong'))).toBe(4)
    expect(await refusal(connect('washer-1', password))).toBe(3)
    await door.add('washer-2')
    expect(await refusal(connect('washer-2', 'wrong'))).toBe(3)
    expect(await door.told()).toEqual([
      expect.stringMatching(/^Somebody tries passwords for washer-1: .*127\.0\.0\.1.*adept device rotate washer-1/),
    ])
  })

  it('keeps nobody out who was let in from there before', async () => {
    const password = await door.add('washer-1')
    await connect('washer-1', password)
    for (let wrong = 0; wrong < 12; wrong++) await refusal(connect('stranger', 'wrong'))
    expect(await refusal(connect('stranger', 'wrong'))).toBe(3)
    expect(await refusal(connect('washer-1', password))).toBe(0)
  })

  it('is forgiven after a minute; wrong passwords from many addresses are told and lock no device out', async () => {
    let nowMs = 0
    const hammered: string[] = []
    const rights = deviceRights(door.devices, { nowMs: () => nowMs, onHammered: (it) => hammered.push(it.deviceId) })
    const secret = await door.add('washer-1')
    const admit = async (clientId: string, password: string, remoteAddress: string) => {
      const connection = { stream: undefined as never, transport: 'tcp' as const, remoteAddress }
      const request = {
        clientId,
        userName: clientId,
        password: Buffer.from(password),
        will: undefined,
        clean: true,
        connection,
      }
      return (await rights.admit(request))?.returnCode ?? 0
    }
    for (let address = 0; address < 10; address++) expect(await admit('washer-1', 'wrong', `10.0.0.${address}`)).toBe(4)
    expect(await admit('washer-1', secret, '10.0.0.99')).toBe(0)
    for (let wrong = 0; wrong < 10; wrong++) expect(await admit('stranger', 'wrong', '10.0.2.1')).toBe(4)
    expect(await admit('washer-1', secret, '10.0.2.1')).toBe(3)
    nowMs = 59_999
    expect(await admit('washer-1', secret, '10.0.2.1')).toBe(3)
    nowMs = 60_000
    expect(await admit('washer-1', secret, '10.0.2.1')).toBe(0)
    for (let wrong = 0; wrong < 10; wrong++) await admit('washer-1', 'wrong', `10.0.1.${wrong}`)
    expect(hammered).toEqual(['washer-1'])
    nowMs = 86_460_000
    for (let wrong = 0; wrong < 10; wrong++) await admit('washer-1', 'wrong', `10.0.1.${wrong}`)
    expect(hammered).toEqual(['washer-1', 'washer-1'])
    nowMs += 60_000
    // Nine in a minute, and then again: never ten within one.
    for (let minute = 0; minute < 3; minute++) {
      nowMs += 60_000
      for (let wrong = 0; wrong < 9; wrong++) expect(await admit('stranger', 'wrong', '10.9.9.9')).toBe(4)
    }
    for (let name = 0; name < 10_100; name++) await admit(`n${name}`, 'wrong', `10.1.${name >> 8}.${name & 255}`)
    expect(await admit('washer-1', secret, '10.0.0.98')).toBe(0)
  })
})

describe('a device called pairing', () => {
  it('is a device like others, also while a window is open', async () => {
    const password = await door.add('pairing')
    door.desk.openPairing(HOME, 5, 1)
    expect(await refusal(connect('pairing', password))).toBe(0)
    expect(await refusal(connect('pairing', 'wrong'))).toBe(4)
    expect(door.desk.pairing()).toMatchObject({ isOpen: true, wrongCodes: 0 })
  })
})

describe('a second connection of the same device', () => {
  it('takes over [MQTT-3.1.4-2], but not one without its secret', async () => {
    const password = await door.add('washer-1')
    const first = await connect('washer-1', password)
    for (const stranger of ['wrong', '']) expect(await refusal(connect('washer-1', stranger))).toBe(4)
    const { code } = door.desk.openPairing(HOME, 5, 1)
    const pairing = { clientId: 'washer-1', username: 'pairing', password: code }
    expect(await refusal(door.client(door.url('mqtt'), pairing))).toBe(5)
    await first.publishAsync('adept/v1/washer-1/consumable', level(0, 900), { qos: 1 })
    expect(first.connected).toBe(true)
    const end = closed(first)
    const second = await connect('washer-1', password)
    await end
    expect(second.connected).toBe(true)
    expect(door.broker.connectedCount()).toBe(1)
  })
})
