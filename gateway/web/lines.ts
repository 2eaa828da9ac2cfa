import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { jsonText } from '../lib/json.ts'

/** Answers with one JSON object a line, as they come; a fault on the way is the last. */
export function sendLines(
  reply: FastifyReply,
  objects: AsyncIterable<object>,
  onFault: (error: unknown) => void,
): FastifyReply {
  return reply.type('application/x-ndjson').send(Readable.from(written(objects, onFault)))
}

async function* written(objects: AsyncIterable<object>, onFault: (error: unknown) => void): AsyncGenerator<string> {
  try {
    for await (const object of objects) yield `${jsonText(object)}\n`
  } catch (error) {
    onFault(error)
    yield `${jsonText({ kind: 'fault', error: 'Something failed here; it is in the log of the gateway.' })}\n`
  }
}
