import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { Address, DeviceId, Gtin, Hex32, HexBytes } from '../domain/identifiers.ts'
import { HouseholdCap, holdsAt, MandateFile } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { Chain } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { MandateRow, MandateStore, MandateVerbs } from '../ports/mandates.ts'

const MAX_UINT16 = 65_535
const MAX_UINT32 = 4_294_967_295

/** Token minor units; JSON has no exact large numbers. */
const Amount = z
  .string()
  .regex(/^\d{1,29}$/, 'an amount is a whole number of minor units, as a decimal string')
  .transform(BigInt)
const DraftBody = z.strictObject({
  deviceId: DeviceId,
  sellerUrl: z.url({ protocol: /^https?$/ }).optional(),
  gtins: z.array(Gtin).min(1).max(64).optional(),
  payer: Address.optional(),
  arbiter: Address.optional(),
  household: HouseholdCap.optional(),
  allowance: Amount,
  periodSeconds: z.int().min(3600).max(MAX_UINT32),
  maxPerOrder: Amount,
  maxOpenOrders: z.int().min(1).max(MAX_UINT16).optional(),
  coolingOffSeconds: z.int().min(0).max(MAX_UINT32),
  days: z.int().min(1),
  maxUnitPrice: Amount.optional(),
})
const Draft = z.strictObject({
  deviceId: DeviceId,
  sellerUrl: z.url({ protocol: /^https?$/ }),
  file: MandateFile,
  household: HouseholdCap.optional(),
})
const RegisterBody = z.strictObject({
  registryId: z
    .string()
    .regex(/^(0x[0-9a-fA-F]{1,64}|\d{1,78})$/, 'a device of the registry is a number, as decimal or 0x and hex digits')
    .transform(BigInt)
    .refine((id) => id > 0n && id < 2n ** 256n, 'a device of the registry is a number of 256 bits')
    .optional(),
})
const SignBody = z.union(
  [
    z.strictObject({ draft: Draft, signature: HexBytes }),
    z.strictObject({ draft: Draft, useGatewayWallet: z.literal(true) }),
  ],
  'give the draft as it was made, and either its "signature" or "useGatewayWallet": true',
)

export function mandateRoutes(
  app: FastifyInstance,
  ports: {
    mandates: Pick<MandateStore, 'list'>
    mandateVerbs: MandateVerbs
    chain: Pick<Chain, 'facts' | 'mandateStatus'>
    clock: Clock
    onChanged(): void
  },
  options: { sellerUrl: string },
): void {
  const { mandateVerbs } = ports

  app.get('/v1/mandates', async ({ homeId }) => {
    const rows = await ports.mandates.list(homeId)
    return { mandates: await Promise.all(rows.map(answer)) }
  })

  app.post('/v1/mandates/draft', async (request) => {
    const body = parseInput(DraftBody, request.body, 'a request for a mandate')
    const drafted = await mandateVerbs.draft({
      ...body,
      sellerUrl: body.sellerUrl ?? options.sellerUrl,
      homeId: request.homeId,
    })
    if (!drafted.ok) throw new HttpError(409, drafted.sentence)
    return { draft: drafted.draft, typedData: mandateVerbs.typedData(drafted.draft) }
  })

  app.post('/v1/mandates', async (request, reply) => {
    const body = parseInput(SignBody, request.body, 'a draft with its signature')
    const signed = await mandateVerbs.sign(
      request.homeId,
      body.draft,
      'signature' in body ? body.signature : 'gateway-wallet',
    )
    if (!signed.ok) throw new HttpError(409, signed.sentence)
    ports.onChanged()
    const { sentence, txHash } = signed
    return reply.code(201).send({ mandateHash: body.draft.file.mandateHash, sentence, txHash })
  })

  app.post<{ Params: { deviceId: string } }>('/v1/devices/:deviceId/register', async (request) => {
    const deviceId = parseInput(DeviceId, request.params.deviceId, 'a device id')
    const { registryId } = parseInput(RegisterBody, request.body, 'a registration')
    const registered = await mandateVerbs.register(request.homeId, deviceId, registryId)
    if (!registered.ok) throw new HttpError(409, registered.sentence)
    return { deviceId, sentence: registered.sentence }
  })

  app.post<{ Params: { mandateHash: string } }>('/v1/mandates/:mandateHash/revoke', async (request) => {
    const mandateHash = parseInput(Hex32, request.params.mandateHash, 'a mandate hash')
    const revoked = await mandateVerbs.revoke(request.homeId, mandateHash)
    if (!revoked.ok) throw new HttpError(409, revoked.sentence)
    ports.onChanged()
    return { mandateHash, sentence: revoked.sentence }
  })

  async function answer({ file, deviceId, sellerUrl, state, fault, createdAtMs }: MandateRow) {
    const { token } = ports.chain.facts
    // A chain that does not answer must not hide what was signed.
    const used = state === 'granted' ? await ports.chain.mandateStatus(file.mandate).catch(() => undefined) : undefined
    return {
      mandateHash: file.mandateHash,
      deviceId,
      sellerUrl,
      state,
      fault,
      inForce: state === 'granted' && fault === '' && holdsAt(file.mandate, Math.floor(ports.clock.nowMs() / 1000)),
      createdAtMs,
      allowance: formatMoney(file.mandate.allowance, token),
      spent: used && formatMoney(used.spent, token),
      openOrders: used?.openOrders,
      file,
    }
  }
}
