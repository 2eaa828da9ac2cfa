import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { DeviceId, SlotName } from '../domain/identifiers.ts'
import { MODES } from '../domain/order.ts'
import { newDeviceSecret } from '../lib/device-secret.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceKeyMaker, DeviceStore } from '../ports/devices.ts'
import { queryNumber } from './answers.ts'

const NewDeviceBody = z.strictObject({ deviceId: DeviceId })
const ConfirmBody = z.strictObject({ mode: z.enum(MODES), slot: SlotName.optional() })
type DeviceParams = { Params: { deviceId: string } }
const LimitQuery = z.object({ limit: queryNumber({ min: 1, max: 1000, default: 50 }) })

export function deviceRoutes(
  app: FastifyInstance,
  ports: { devices: DeviceStore; deviceKeys: DeviceKeyMaker; clock: Clock; onChanged(): void },
): void {
  const { devices } = ports

  app.get('/v1/devices', async ({ homeId }) => ({ devices: await devices.list(homeId) }))

  app.post('/v1/devices', async (request, reply) => {
    const { deviceId } = parseInput(NewDeviceBody, request.body, 'a new device')
    const { secret, secretSha256 } = newDeviceSecret()
    const added = await devices.add(
      {
        deviceId,
        homeId: request.homeId,
        secretSha256,
        ...ports.deviceKeys.make(deviceId),
      },
      ports.clock.nowMs(),
    )
    if (added === 'exists')
      throw new HttpError(409, `There is a device ${deviceId} already. Give the new one another id.`)
    if (added === 'order-open')
      throw new HttpError(
        409,
        `An order of the ${deviceId} that you removed is open still. End it, or take another id.`,
      )
    return reply.code(201).send({ deviceId, password: secret })
  })

  app.post<DeviceParams>('/v1/devices/:deviceId/confirm', async (request) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    const { mode, slot } = parseInput(ConfirmBody, request.body, 'a confirmation')
    await knownDevice(request.homeId, deviceId)
    const slots = await devices.confirm(request.homeId, deviceId, slot, mode, ports.clock.nowMs())
    if (slots.length === 0) {
      throw new HttpError(
        409,
        slot === undefined
          ? `${deviceId} has not described its slots yet. Connect it, then confirm it.`
          : `${deviceId} has no slot ${slot}. See its slots with \`adept devices\`.`,
      )
    }
    ports.onChanged()
    return { deviceId, mode, slots }
  })

  app.get<DeviceParams>('/v1/devices/:deviceId/readings', async (request) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    const { limit } = parseInput(LimitQuery, request.query, 'a query')
    await knownDevice(request.homeId, deviceId)
    return { readings: await devices.readings(request.homeId, deviceId, limit) }
  })

  app.get('/v1/dead-letters', async (request) => {
    const { limit } = parseInput(LimitQuery, request.query, 'a query')
    return { deadLetters: await devices.deadLetters(request.homeId, limit) }
  })

  async function knownDevice(homeId: string, deviceId: string): Promise<void> {
    if ((await devices.get(homeId, deviceId)) === undefined) {
      throw new HttpError(404, `There is no device ${deviceId}. Add it with \`adept device add ${deviceId}\`.`)
    }
  }
}
