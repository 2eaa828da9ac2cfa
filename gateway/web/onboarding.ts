import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { DeviceId } from '../domain/identifiers.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { DeviceDesk, Refused } from '../ports/onboarding.ts'

const MAX_MINUTES = 60
const MAX_DEVICES = 50
const PairingBody = z.strictObject({
  minutes: z.number().min(1).max(MAX_MINUTES, `at most ${MAX_MINUTES}`).default(5),
  devices: z.int().min(1).max(MAX_DEVICES, `at most ${MAX_DEVICES}`).default(1),
})
const RemoveBody = z.strictObject({ force: z.boolean().default(false) })
const NoBody = z.strictObject({})
type DeviceParams = { Params: { deviceId: string } }

/** Pairing, rotation, certificates and removal. */
export function onboardingRoutes(app: FastifyInstance, ports: { deviceDesk: DeviceDesk; onChanged(): void }): void {
  const { deviceDesk: desk } = ports

  app.get('/v1/pairing', async () => ({ pairing: desk.pairing() }))

  app.post('/v1/pairing', async (request, reply) => {
    const { minutes, devices } = parseInput(PairingBody, request.body, 'a pairing window')
    return reply.code(201).send(desk.openPairing(request.homeId, minutes, devices))
  })

  app.post('/v1/pairing/end', async (request) => {
    parseInput(NoBody, request.body, 'the end of a pairing window')
    return { pairing: desk.endPairing() }
  })

  app.post<DeviceParams>('/v1/devices/:deviceId/rotate', async (request) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    parseInput(NoBody, request.body, 'a rotation')
    return { deviceId, ...done(await desk.rotate(request.homeId, deviceId)) }
  })

  app.post<DeviceParams>('/v1/devices/:deviceId/certificate', async (request, reply) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    parseInput(NoBody, request.body, 'a request for a certificate')
    return reply.code(201).send({ deviceId, ...done(await desk.certificate(request.homeId, deviceId)) })
  })

  app.post<DeviceParams>('/v1/devices/:deviceId/remove', async (request) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    const { force } = parseInput(RemoveBody, request.body, 'a removal')
    const { sentence } = done(await desk.remove(request.homeId, deviceId, force))
    ports.onChanged()
    return { deviceId, sentence }
  })
}

function done<Answer extends { ok: boolean }>(answer: Answer | Refused): Omit<Extract<Answer, { ok: true }>, 'ok'> {
  if (!answer.ok) throw new HttpError(409, (answer as Refused).sentence)
  const { ok: _, ...rest } = answer as Extract<Answer, { ok: true }>
  return rest
}
