import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { DeviceId, SlotName } from '../domain/identifiers.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { Clock } from '../ports/clock.ts'
import type { RulesDesk } from '../ports/rules.ts'
import { sendLines } from './lines.ts'

const SlotParams = z.object({ deviceId: DeviceId, slot: SlotName })
const TryBody = z.strictObject({
  text: z.string(),
  sinceSeconds: z
    .number()
    .positive()
    .max(3_650 * 86_400),
})
const StockBody = z.strictObject({ amount: z.number().nonnegative().max(1e9) })

export function rulesRoutes(
  app: FastifyInstance,
  ports: { rules: RulesDesk; clock: Clock; onChanged(): void; onFault(error: unknown): void },
): void {
  const { rules } = ports

  app.get('/v1/rules', () => rules.inForce())

  app.get('/v1/devices/:deviceId/slots/:slot/explain', async (request) => {
    const { deviceId, slot } = parseInput(SlotParams, request.params, 'a slot')
    const explanation = await rules.explain(request.homeId, deviceId, slot)
    if (explanation === undefined) {
      throw new HttpError(404, `${deviceId} has no slot ${slot}. See the slots with \`adept devices\`.`)
    }
    return { explanation }
  })

  app.post('/v1/devices/:deviceId/slots/:slot/stock', async (request) => {
    const { deviceId, slot } = parseInput(SlotParams, request.params, 'a slot')
    const { amount } = parseInput(StockBody, request.body, 'a stock')
    const result = await rules.setStock(request.homeId, deviceId, slot, amount)
    if (!result.ok) throw new HttpError(404, result.sentence)
    ports.onChanged()
    return { sentence: result.sentence }
  })

  app.post('/v1/rules/try', async (request, reply) => {
    const { text, sinceSeconds } = parseInput(TryBody, request.body, 'a trial of rules')
    const trial = rules.tryOut(request.homeId, text, ports.clock.nowMs() - sinceSeconds * 1000)
    if ('mistakes' in trial) {
      const mistakes = trial.mistakes.map(({ line, sentence }) => `Line ${line}: ${sentence}`)
      throw new HttpError(400, mistakes.join('\n'))
    }
    return sendLines(reply, trial, ports.onFault)
  })

  app.post('/v1/replay', async (_request, reply) => sendLines(reply, rules.replay(), ports.onFault))
}
