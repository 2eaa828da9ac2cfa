import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import { HttpError, parseInput } from '../lib/http.ts'
import { jsonText } from '../lib/json.ts'
import type { FeedStore } from '../ports/notify.ts'
import { feedAnswer, queryNumber, type TokenFormat } from './answers.ts'

const Id = z.coerce.number().int().nonnegative()
const FeedQuery = z.object({ after: Id.optional(), limit: queryNumber({ min: 1, max: 1000, default: 50 }) })
const StreamQuery = z.object({ after: Id.optional() })
const StreamHeaders = z.object({ 'last-event-id': Id.optional() })

const MAX_STREAMS = 32
const ROWS_PER_READ = 100
const POLL_MS = 1_000
/** A comment that keeps proxies from closing a quiet stream. */
const HEARTBEAT_MS = 15_000

/** Live streams of the feed: each has its own cursor into the rows; a nudge makes them fast, the poll makes them right. */
export class FeedStreams {
  readonly #feed: FeedStore
  readonly #token: TokenFormat
  readonly #stop = new AbortController()
  readonly #wakers = new Set<() => void>()

  constructor(feed: FeedStore, token: TokenFormat) {
    this.#feed = feed
    this.#token = token
  }

  nudge(): void {
    for (const wake of this.#wakers) wake()
  }

  /** Ends all streams. */
  stop(): void {
    this.#stop.abort()
    this.nudge()
  }

  async serve(reply: FastifyReply, homeId: string, after: number | undefined): Promise<void> {
    if (this.#wakers.size >= MAX_STREAMS) {
      throw new HttpError(503, `There are ${MAX_STREAMS} live streams already. Close one, or read /v1/feed instead.`)
    }
    let woken = false
    let wake = () => {}
    const onWake = () => {
      woken = true
      wake()
    }
    this.#wakers.add(onWake)
    try {
      let cursor = after ?? (await this.#feed.latest(homeId, 1)).at(-1)?.notificationId ?? 0
      reply.hijack()
      const response = reply.raw
      response.on('close', onWake).on('error', onWake)
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
      response.write(': open\n\n')
      let quietMs = 0
      while (!this.#ended(response)) {
        woken = false
        const entries = await this.#feed.feed(homeId, cursor, ROWS_PER_READ)
        for (const entry of entries) {
          cursor = entry.notificationId
          await write(response, `id: ${cursor}\ndata: ${jsonText(feedAnswer(entry, this.#token))}\n\n`)
        }
        quietMs = entries.length > 0 ? 0 : quietMs + POLL_MS
        if (quietMs >= HEARTBEAT_MS) {
          quietMs = 0
          await write(response, ': quiet\n\n')
        }
        if (entries.length === ROWS_PER_READ || woken || this.#ended(response)) continue
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL_MS)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    } finally {
      this.#wakers.delete(onWake)
      if (reply.sent) reply.raw.end()
    }
  }

  #ended(response: ServerResponse): boolean {
    return this.#stop.signal.aborted || response.destroyed
  }
}

/** Waits while the reader is slower than the feed: a stream holds one entry, not a queue. */
async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return
  await Promise.race([once(response, 'drain'), once(response, 'close')])
}

export function feedRoutes(
  app: FastifyInstance,
  ports: { feed: FeedStore; streams: FeedStreams },
  token: TokenFormat,
): void {
  app.get('/v1/feed', async (request) => {
    const { homeId } = request
    const { after, limit } = parseInput(FeedQuery, request.query, 'a query')
    const entries =
      after === undefined ? await ports.feed.latest(homeId, limit) : await ports.feed.feed(homeId, after, limit)
    return { feed: entries.map((entry) => feedAnswer(entry, token)) }
  })

  app.get('/v1/feed/stream', async (request, reply) => {
    const { after } = parseInput(StreamQuery, request.query, 'a query')
    const lastEventId = parseInput(StreamHeaders, request.headers, 'a Last-Event-ID')['last-event-id']
    await ports.streams.serve(reply, request.homeId, lastEventId ?? after)
    return reply
  })
}
