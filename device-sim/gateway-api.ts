import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const ANSWER_WITHIN_MS = 30_000
const RunningGateway = z.object({ httpUrl: z.url(), mqttPort: z.int() })
const ErrorAnswer = z.object({ error: z.string() })

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
    const response = await fetch(this.httpUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch((cause: unknown) => {
      throw new Error(`The gateway at ${this.httpUrl} does not answer.`, { cause })
    })
    const answer: unknown = await response.json()
    if (response.ok) return schema.parse(answer)
    const refusal = ErrorAnswer.safeParse(answer)
    throw new Error(refusal.success ? refusal.data.error : `The gateway answered ${response.status} to ${path}.`)
  }
}
