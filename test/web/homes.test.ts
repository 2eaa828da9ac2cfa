import { afterEach, beforeEach, expect, it } from 'vitest'
import { type RunningGateway, runGateway } from './running-gateway.ts'

let gateway: RunningGateway
beforeEach(async () => {
  gateway = await runGateway()
})
afterEach(() => gateway.stop())

it('makes further homes known, and changes the time zone of all but the configured one', async () => {
  const cabin = { homeId: 'cabin', timeZone: 'Europe/Oslo' }
  expect(await gateway.call('/v1/homes', cabin)).toEqual({ status: 201, body: cabin })
  expect((await gateway.call('/v1/homes', cabin)).status).toBe(200)
  expect((await gateway.call('/v1/homes', { ...cabin, timeZone: 'Asia/Tokyo' })).status).toBe(200)
  const { homes } = (await gateway.call('/v1/homes')).body as { homes: { homeId: string }[] }
  const configured = homes.find(({ homeId }) => homeId !== 'cabin')!
  expect(homes).toHaveLength(2)
  expect(homes).toContainEqual({ homeId: 'cabin', timeZone: 'Asia/Tokyo' })
  const refused = await gateway.call('/v1/homes', { ...configured, timeZone: 'Asia/Tokyo' })
  expect(refused.status).toBe(409)
  expect(refused.body).toEqual({ error: expect.stringContaining('adept.yaml') })
  const nowhere = await gateway.call('/v1/homes', { homeId: 'x', timeZone: 'Mars/Base' })
  expect(nowhere.body).toEqual({ error: expect.stringContaining('"Mars/Base": not a time zone') })
})

it('answers and acts for the home that a request names, and for the configured one when it names none', async () => {
  await gateway.call('/v1/homes', { homeId: 'cabin', timeZone: 'Europe/Oslo' })
  expect((await gateway.call('/v1/devices?home=cabin', { deviceId: 'cabin-washer' })).status).toBe(201)
  await gateway.call('/v1/devices', { deviceId: 'washer' })
  const idsAt = async (path: string) =>
    ((await gateway.call(path)).body as { devices: { deviceId: string }[] }).devices.map(({ deviceId }) => deviceId)
  expect(await idsAt('/v1/devices?home=cabin')).toEqual(['cabin-washer'])
  expect(await idsAt('/v1/devices')).toEqual(['washer'])
  expect((await gateway.call('/v1/devices/washer/readings?home=cabin')).status).toBe(404)
  expect((await gateway.call('/v1/devices/cabin-washer/readings')).status).toBe(404)

  gateway.tell('update', 'for the configured home')
  expect((await gateway.call('/v1/feed?home=cabin')).body).toEqual({ feed: [] })
  expect((await gateway.call('/v1/status?home=cabin')).body).toMatchObject({ homeId: 'cabin' })

  gateway.db.exec(`INSERT INTO dead_letters (device_id, topic, payload, reason, received_at_ms)
    VALUES ('washer', 't', x'00', 'bad', 1), ('cabin-washer', 't', x'00', 'worse', 1), (NULL, 't', x'00', 'stray', 1)`)
  const { deadLetters } = (await gateway.call('/v1/dead-letters?home=cabin')).body as { deadLetters: object[] }
  expect(deadLetters).toMatchObject([{ reason: 'stray' }, { reason: 'worse' }])
})

it('refuses a home that is not known, or is no name', async () => {
  expect(await gateway.call('/v1/devices?home=nowhere')).toEqual({
    status: 404,
    body: { error: 'There is no home nowhere. See all with `adept home list`.' },
  })
  expect((await gateway.call('/v1/devices?home=No%20Home')).status).toBe(400)
})
