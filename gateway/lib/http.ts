import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { z } from 'zod'
import { jsonText } from './json.ts'
import { storageProblem } from './storage-problem.ts'

/** Names under which a program on this machine is reached; a listener elsewhere adds its own. */
export const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', 'localhost', '[::1]']

/** An answer other than 2xx with the sentence that the caller gets. */
export class HttpError extends Error {
  readonly statusCode: number
  constructor(statusCode: number, sentence: string) {
    super(sentence)
    this.name = 'HttpError'
    this.statusCode = statusCode
  }
}

/** Who may speak to a listener. A page on the web can point its own name at 127.0.0.1 (DNS rebinding): its Host then gives it away. */
function refusalOf(
  headers: { host?: string | undefined; origin?: string | undefined },
  hostnames: readonly string[],
): string | undefined {
  const host = headers.host?.toLowerCase() ?? ''
  if (!hostnames.includes(host.replace(/:\d{1,5}$/, ''))) {
    return `This address answers only to the host names ${hostnames.join(', ')}.`
  }
  if (headers.origin !== undefined && headers.origin.replace(/^https?:\/\//, '').toLowerCase() !== host) {
    return 'Pages of another origin may not call this address.'
  }
  return undefined
}

/**
 * A Fastify server with the rules of every listener of ours: Host and Origin are checked first, bodies are JSON of at most
 * `bodyLimitBytes`, amounts leave as decimal strings, and every error is `{"error": "<sentence>"}`. `onFault` hears of
 * what is our fault, never of bad input.
 */
export function httpServer(options: {
  hostnames: readonly string[]
  bodyLimitBytes: number
  onFault(error: unknown): void
}): FastifyInstance {
  const app = Fastify({
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 10_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    // Our schemas are zod's: without these Fastify loads its own compilers, 4 MiB of memory.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    frameworkErrors: (error, _request, reply: FastifyReply) =>
      void reply.code(statusOf(error)).send({ error: 'This address is malformed: a % in it begins no character.' }),
  })
  // Without it a form on another site could post text/plain here without asking first.
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', async (request, reply) => {
    const refusal = refusalOf(request.headers, options.hostnames)
    if (refusal !== undefined) return reply.code(403).send({ error: refusal })
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
  })
  app.setReplySerializer((payload) => jsonText(payload))
  app.setNotFoundHandler((request, reply) => {
    void reply
      .code(404)
      .send({ error: `There is no ${request.method} ${request.url.split('?')[0]!.slice(0, 200)} here.` })
  })
  app.setErrorHandler((error, _request, reply) => {
    const statusCode = statusOf(error)
    if (statusCode >= 500 && !(error instanceof HttpError)) {
      options.onFault(error)
      const problem = storageProblem(error)
      if (problem !== undefined) return reply.code(503).send({ error: `This could not be stored. ${problem.sentence}` })
      return reply.code(statusCode).send({ error: 'Something failed here; it is in the log. Try again later.' })
    }
    return reply.code(statusCode).send({ error: error instanceof Error ? error.message : String(error) })
  })
  return app
}

function noSchemas(): never {
  throw new Error('No route of ours has a JSON schema.')
}

function statusOf(error: unknown): number {
  const code = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof code === 'number' && code >= 400 && code <= 599 ? code : 500
}

/** Parses what came from outside; throws a 400 that names each field that is wrong, and what was in it. */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => {
    const found = path.reduce<unknown>((inner, name) => (inner as Record<PropertyKey, unknown>)?.[name], input)
    const value = typeof found === 'string' ? ` ${JSON.stringify(found.slice(0, 64))}` : ''
    return path.length === 0 ? message : `${path.join('.')}${value}: ${message}`
  })
  const it = typeof input === 'string' ? JSON.stringify(input.slice(0, 64)) : 'This'
  throw new HttpError(400, `${it} is not ${what}: ${faults.join('; ').slice(0, 1000)}.`)
}
