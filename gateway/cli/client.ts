import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { dataFolderFrom, loadConfig } from '../config.ts'
import { openToken, tokenFile } from '../web/token.ts'

/** A failure as the sentence that the person reads. */
export class CliError extends Error {
  readonly exitCode: number
  constructor(sentence: string, exitCode = 1) {
    super(sentence)
    this.exitCode = exitCode
  }
}

/** What a running gateway writes into its data folder. */
const RunningGateway = z.object({ httpUrl: z.url() })
const ErrorAnswer = z.object({ error: z.string() })
const ANSWER_TIMEOUT_MS = 30_000

/** The gateway of one data folder, over its HTTP API. Answers come from our own version: their types are trusted. */
export type Client = {
  get<Answer>(path: string): Promise<Answer>
  post<Answer>(path: string, body: object): Promise<Answer>
  /** The text of a live stream, until the gateway ends it. */
  stream(path: string): AsyncIterable<string>
  /** The text of an answer that comes bit by bit. */
  postStream(path: string, body: object): AsyncIterable<string>
}

export type Context = { dataFolder: string; json: boolean; client: Client; print(answer: unknown, text: string): void }

/** What a command's action works with, from the options that every command has. */
export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<{ data?: string; home?: string; json?: boolean }>()
  const dataFolder = dataFolderFrom(options.data)
  const json = options.json === true
  return {
    dataFolder,
    json,
    client: clientOf(dataFolder, options.home),
    print: (answer, text) => console.log(json ? JSON.stringify(answer, null, 2) : text),
  }
}

function clientOf(dataFolder: string, home: string | undefined): Client {
  const call = async (plainPath: string, body: object | undefined, signal: AbortSignal | null): Promise<Response> => {
    const path = home === undefined ? plainPath : ofHome(plainPath, home)
    const url = gatewayUrl(dataFolder)
    const token = openToken(dataFolder)
    let response: Response
    try {
      response = await fetch(url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      })
    } catch (cause) {
      throw new CliError(
        cause instanceof Error && cause.name === 'TimeoutError'
          ? `The gateway at ${url} did not answer within ${ANSWER_TIMEOUT_MS / 1000} seconds. Look at its log.`
          : `No gateway answers at ${url}. Start it with \`adept start${dataHint(dataFolder)}\`; \`adept doctor\` tells what hinders it.`,
      )
    }
    if (response.ok) return response
    throw new CliError(
      response.status === 401
        ? `The gateway at ${url} does not know the token in ${tokenFile(dataFolder)}. It runs on another data folder: name that one with --data.`
        : await sentenceOf(response, url),
      // 400: what was typed is no device id, order id, amount and so on.
      response.status === 400 ? 2 : 1,
    )
  }
  return {
    async get<Answer>(path: string) {
      return (await (await call(path, undefined, AbortSignal.timeout(ANSWER_TIMEOUT_MS))).json()) as Answer
    },
    async post<Answer>(path: string, body: object) {
      return (await (await call(path, body, AbortSignal.timeout(ANSWER_TIMEOUT_MS))).json()) as Answer
    },
    async *stream(path) {
      const response = await call(path, undefined, null)
      yield* response.body!.pipeThrough(new TextDecoderStream())
    },
    async *postStream(path, body) {
      const response = await call(path, body, null)
      yield* response.body!.pipeThrough(new TextDecoderStream())
    },
  }
}

function ofHome(path: string, home: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}home=${encodeURIComponent(home)}`
}

async function sentenceOf(response: Response, url: string): Promise<string> {
  const answer = ErrorAnswer.safeParse(await response.json().catch(() => undefined))
  return answer.success ? answer.data.error : `What answers at ${url} is no gateway (HTTP ${response.status}).`
}

/** Throws a sentence when no gateway was ever made in this folder. */
export function requireGateway(dataFolder: string): void {
  // Not existsSync: it finds nothing either in a folder of another user, and there the fault is thrown.
  if (statSync(tokenFile(dataFolder), { throwIfNoEntry: false }) === undefined) {
    throw new CliError(
      `There is no gateway in ${dataFolder}. Make one with \`adept init\`, or name its folder with --data.`,
    )
  }
}

/** As the running gateway says in `gateway.json`, else the configured port. */
function gatewayUrl(dataFolder: string): string {
  requireGateway(dataFolder)
  const file = join(dataFolder, 'gateway.json')
  if (existsSync(file)) {
    const running = RunningGateway.safeParse(readJson(file))
    if (running.success) return running.data.httpUrl
  }
  const { port } = loadConfig(dataFolder).http
  if (port === 0)
    throw new CliError(`No gateway runs on ${dataFolder}. Start it with \`adept start${dataHint(dataFolder)}\`.`)
  return `http://127.0.0.1:${port}`
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function dataHint(dataFolder: string): string {
  return dataFolder === dataFolderFrom(undefined) ? '' : ` --data ${dataFolder}`
}
