import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { DeviceId } from '../domain/identifiers.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceStore } from '../ports/devices.ts'
import type { HourStore } from '../ports/retention.ts'
import { queryNumber } from './answers.ts'

/** A slot and ten values of telemetry for half a year; some 10 MB of JSON. */
const MAX_HOURS = 50_000
const HoursQuery = z.object({
  sinceSeconds: queryNumber({ min: 1, max: 36_500 * 86_400, default: 7 * 86_400 }),
  limit: queryNumber({ min: 1, max: MAX_HOURS, default: MAX_HOURS }),
})

/** What a device measured, hour by hour. */
export function hourRoutes(
  app: FastifyInstance,
  ports: { devices: Pick<DeviceStore, 'get'>; hours: HourStore; clock: Clock },
): void {
  app.get<{ Params: { deviceId: string } }>('/v1/devices/:deviceId/hours', async (request) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    const { sinceSeconds, limit } = parseInput(HoursQuery, request.query, 'a query')
    if ((await ports.devices.get(request.homeId, deviceId)) === undefined) {
      throw new HttpError(404, `There is no device ${deviceId}. See all with \`adept devices\`.`)
    }
    const hours = await ports.hours.hours(request.homeId, deviceId, ports.clock.nowMs() - sinceSeconds * 1000, limit)
    return { hours }
  })
}
