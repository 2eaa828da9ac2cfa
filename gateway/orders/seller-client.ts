import { z } from 'zod'
import { QuoteRefusal, SellerProfile, SignedQuote } from '../domain/quote.ts'
import { SettlementOffer } from '../domain/settlement.ts'
import { httpRequest } from '../lib/http-request.ts'
import { jsonText } from '../lib/json.ts'
import type { Seller, SellerMessage, SellersAnswer } from '../ports/seller.ts'

/** A shop that does not answer within this time counts as unreachable; real time, in virtual runs too. */
const TIMEOUT_MS = 10_000
/** A profile of 10,000 products is about 2 MB; every other answer is below 4 kB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
/** What a shop says goes into the feed: a sentence, not a page. */
const MAX_REASON_CHARACTERS = 300

const Acknowledged = z.object({ acknowledged: z.literal(true) })
const Offered = z.object({ offer: SettlementOffer.nullable() })
const ErrorAnswer = z.object({ error: z.string() })

type Asked = { kind: 'answer'; status: number; body: unknown } | { kind: 'unreachable'; reason: string }

/**
 * The buyer's port to a merchant agent over HTTP. Nothing that a shop does is thrown: no answer in time, one that is too
 * long or no JSON, a 5xx, 408, 425 or 429 are `unreachable`, and the same question may be asked again; any other error is the
 * shop's refusal. Redirects are not followed: the homeowner named this address, not another.
 */
export function sellerClient(
  options: { timeoutMs: number; maxAnswerBytes: number } = { timeoutMs: TIMEOUT_MS, maxAnswerBytes: MAX_ANSWER_BYTES },
): Seller {
  async function ask(url: string, path: string, body?: unknown): Promise<Asked> {
    const address = addressOf(url, path)
    if (address === undefined) return { kind: 'unreachable', reason: `${url} is no http or https address of a shop.` }
    try {
      const { status, text } = await httpRequest(address, {
        ...options,
        method: body === undefined ? 'GET' : 'POST',
        headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: jsonText(body) }),
      })
      const answer = { kind: 'answer' as const, status, body: parseJson(text) }
      return isPassing(status) ? unreachable(url, errorOf(answer) ?? `it answered ${status}`) : answer
    } catch (error) {
      return unreachable(url, error instanceof Error ? error.message || error.name : String(error))
    }
  }

  return {
    async profile(url) {
      const answer = await ask(url, '/v1/seller')
      if (answer.kind === 'unreachable') return answer
      const profile = SellerProfile.safeParse(answer.body)
      if (answer.status === 200 && profile.success) return { kind: 'profile', profile: profile.data }
      return unreachable(
        url,
        errorOf(answer) ?? `it answered ${answer.status} with something else than a seller's profile`,
      )
    },

    async quote(url, request) {
      const answer = await ask(url, '/v1/quotes', request)
      if (answer.kind === 'unreachable') return answer
      const signed = SignedQuote.safeParse(answer.body)
      if (answer.status === 200 && signed.success) return { kind: 'quoted', signed: signed.data }
      const refusal = QuoteRefusal.safeParse(answer.body)
      if (answer.status >= 400 && refusal.success) return { kind: 'refused', refusal: refusal.data }
      const reason = errorOf(answer)
      if (reason !== undefined) return { kind: 'refused', refusal: { reason, retry: false } }
      return unreachable(url, `it answered ${answer.status} with something else than a quote`)
    },

    async offer(url, authorizationId, offer) {
      return acknowledgement(url, await ask(url, `/v1/orders/${authorizationId}/settlement`, offer))
    },

    async offered(url, authorizationId) {
      const answer = await ask(url, `/v1/orders/${authorizationId}/settlement`)
      if (answer.kind === 'unreachable') return answer
      const offered = Offered.safeParse(answer.body)
      if (answer.status === 200 && offered.success) return { kind: 'offered', offer: offered.data.offer ?? undefined }
      const reason = errorOf(answer)
      if (reason !== undefined) return { kind: 'refused', reason }
      return unreachable(url, `it answered ${answer.status} with something else than an offer`)
    },

    async tell(url, message) {
      const { kind, ...body } = message
      const answer =
        kind === 'order'
          ? await ask(url, '/v1/orders', body)
          : await ask(url, `/v1/orders/${message.authorizationId}/confirmation`, confirmationBody(message))
      return acknowledgement(url, answer)
    },
  }
}

function acknowledgement(url: string, answer: Asked): SellersAnswer {
  if (answer.kind === 'unreachable') return answer
  if (answer.status === 200 && Acknowledged.safeParse(answer.body).success) return { kind: 'acknowledged' }
  const reason = errorOf(answer)
  if (reason !== undefined) return { kind: 'refused', reason }
  return unreachable(url, `it answered ${answer.status} without an acknowledgement`)
}

function confirmationBody({ shipment, deliveries, signature }: SellerMessage & { kind: 'confirmation' }) {
  return { shipment, deliveries, signature }
}

/** A shop's address may have a path of its own; undefined when it is none that we call. */
function addressOf(url: string, path: string): URL | undefined {
  if (!URL.canParse(url)) return undefined
  const address = new URL(url)
  if (address.protocol !== 'http:' && address.protocol !== 'https:') return undefined
  address.pathname = address.pathname.replace(/\/$/, '') + path
  return address
}

/** Errors that pass by themselves. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The sentence of an error answer, or the reason of a refusal. */
function errorOf({ status, body }: { status: number; body: unknown }): string | undefined {
  if (status < 400) return undefined
  return ErrorAnswer.safeParse(body).data?.error.slice(0, MAX_REASON_CHARACTERS)
}

function unreachable(url: string, reason: string): { kind: 'unreachable'; reason: string } {
  return {
    kind: 'unreachable',
    reason: `The shop at ${new URL(url).host} cannot be asked: ${reason}.`.replace(/\.\.$/, '.'),
  }
}
