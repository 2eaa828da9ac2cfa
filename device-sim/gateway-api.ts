import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { httpRequest } from '../gateway/lib/http-request.ts'

const ANSWER_WITHIN_MS = 30_000
/** A thousand orders with their steps. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const RunningGateway = z.object({ httpUrl: z.url(), mqttPort: z.int() })
const ErrorAnswer = z.object({ error: z.string() })

/** The gateway refused what it was asked, with a sentence why. */
export class Refusal extends Error {
  readonly status: number
  constructor(status: number, sentence: string) {
    super(sentence)
    this.status = status
  }
}

/** The homeowner's side of a gateway on this machine: its HTTP API, with the token of its data folder. */
export class GatewayApi {
  readonly httpUrl: string
  readonly mqttPort: number
  readonly token: string

  /** Reads `gateway.json` and `token`, which a running gateway has in its data folder. */
  constructor(dataFolder: string) {
    const running = RunningGateway.parse(JSON.parse(readFileSync(join(dataFolder, 'gateway.json'), 'utf8')))
    this.httpUrl = running.httpUrl
    this.mqttPort = running.mqttPort
    this.token = readFileSync(join(dataFolder, 'token'), 'utf8').trim()
  }

  /** Throws the gateway's own sentence when it refuses. */
  async get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    return await this.#call(path, schema)
  }

  /** Throws the gateway's own sentence when it refuses. */
  async post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return await this.#call(path, schema, body)
  }

  async #call<Schema extends z.ZodType>(path: string, schema: Schema, body?: object): Promise<z.output<Schema>> {
    const { status, text } = await httpRequest(this.httpUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      timeoutMs: ANSWER_WITHIN_MS,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    }).catch((cause: unknown) => {
      throw new Error(`The gateway at ${this.httpUrl} does not answer.`, { cause })
    })
    const answer: unknown = JSON.parse(text)
    if (status < 300) return schema.parse(answer)
    const refusal = ErrorAnswer.safeParse(answer)
    throw new Refusal(status, refusal.success ? refusal.data.error : `The gateway answered ${status} to ${path}.`)
  }
}
