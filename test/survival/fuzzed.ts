import { once } from 'node:events'
import { connect } from 'node:net'
import { Seed } from '../../gateway/lib/seed.ts'
import { type Credentials, mutatedStream } from './mutate.ts'
import type { Finding, Stand } from './stand.ts'
import { pause } from './watch.ts'

const AT_ONCE = 100
const FUZZERS = 64
const VICTIM = 'victim-1'
/** A connection whose stream has ended must be closed by then. */
const CLOSE_MS = 10_000

/** Damaged client streams, each over a connection of its own, from many addresses and with genuine passwords. */
export async function mutatedConnections(
  stand: Stand,
  options: { connections: number; seeds: string[]; onProgress(done: number): void },
): Promise<Finding> {
  const victimPassword = await stand.add(VICTIM)
  const fuzzers: Credentials[] = []
  for (let index = 0; index < FUZZERS; index++) {
    const deviceId = `fuzz-${index}`
    fuzzers.push({ deviceId, password: await stand.add(deviceId) })
  }
  const before = unauthorisedRows(stand)
  const devices = deviceRows(stand)

  return stand.beside(async () => {
    let done = 0
    let hung = 0
    let failed = 0
    const startedAt = performance.now()
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, worker) => {
        for (let index = worker; index < options.connections; index += AT_ONCE) {
          const seedName = options.seeds[index % options.seeds.length] ?? ''
          const seed = new Seed(seedName).fork(String(index))
          const sent = mutatedStream(seed, fuzzers[index % FUZZERS]!, VICTIM)
          // One address each, so that no limit by address keeps the streams from what lies behind it.
          const localAddress = `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
          const outcome = await stream(stand.port, localAddress, sent, seed)
          if (outcome === 'hung') hung++
          if (outcome === 'failed') failed++
          if (++done % 1000 === 0) options.onProgress(done)
        }
      }),
    )
    const seconds = (performance.now() - startedAt) / 1000
    // What was under way is on disk, and what it broke shows.
    await pause(500)
    const problems: string[] = []
    if (hung > 0) problems.push(`${hung} connections were not closed within ${CLOSE_MS} ms of their end.`)
    if (failed > 0) problems.push(`${failed} connections could not be opened.`)
    const rows = unauthorisedRows(stand) - before
    if (rows > 0) problems.push(`${rows} rows were written that nobody had the right to.`)
    if (deviceRows(stand) !== devices) problems.push('A device was added, or the state of another changed.')
    const victim = await stand.connect(VICTIM).catch((error: Error) => error.message)
    if (typeof victim === 'string')
      problems.push(`The victim cannot connect with ${victimPassword.length} characters: ${victim}`)
    else victim.close()
    const stored = stand.count(
      `SELECT count(*) AS count FROM readings JOIN sessions USING (session_key) WHERE device_id LIKE 'fuzz-%'`,
    )
    const dead = stand.count(`SELECT count(*) AS count FROM dead_letters`)
    return {
      figures: `${done} connections, ${options.seeds.length} seeds, ${(done / seconds).toFixed(0)}/s · ${stored} readings, ${dead} dead letters, all their senders' own`,
      problems,
    }
  })
}

/** Rows of devices that sent nothing: nobody may write for them. */
function unauthorisedRows(stand: Stand): number {
  return (
    stand.count(
      `SELECT count(*) AS count FROM sessions WHERE device_id NOT LIKE 'fuzz-%' AND device_id NOT LIKE 'honest-%'`,
    ) + stand.count(`SELECT count(*) AS count FROM dead_letters WHERE device_id IS NULL OR device_id NOT LIKE 'fuzz-%'`)
  )
}

function deviceRows(stand: Stand): string {
  return JSON.stringify(
    stand.rows(
      `SELECT device_id, status, description FROM devices WHERE device_id NOT LIKE 'fuzz-%' AND device_id NOT LIKE 'honest-%'
       UNION ALL SELECT count(*), '', '' FROM devices`,
    ),
  )
}

/** Sends CONNECT, the rest in up to four pieces, and the end of the stream; how the connection ended. */
async function stream(
  port: number,
  localAddress: string,
  { connect: first, rest }: { connect: Buffer; rest: Buffer },
  seed: Seed,
): Promise<'closed' | 'hung' | 'failed'> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  socket.on('error', () => undefined)
  const closed = new Promise<'closed'>((resolve) => socket.once('close', () => resolve('closed')))
  const answered = new Promise((resolve) => socket.once('data', resolve))
  socket.resume()
  if ((await Promise.race([once(socket, 'connect').catch(() => 'failed'), closed])) === 'failed') return 'failed'
  if (first.length > 0) socket.write(first)
  // Half of them wait for the gateway's answers, the others say all at once.
  const isPatient = seed.next() < 0.5
  if (isPatient && first.length > 0) await Promise.race([answered, closed])
  const pieces = 1 + Math.floor(seed.next() * 4)
  for (let piece = 0; piece < pieces; piece++) {
    const from = Math.floor((rest.length * piece) / pieces)
    const to = Math.floor((rest.length * (piece + 1)) / pieces)
    if (!socket.destroyed) socket.write(rest.subarray(from, to))
    if (pieces > 1) await new Promise((resolve) => setImmediate(resolve))
  }
  if (isPatient) await Promise.race([pause(10), closed])
  socket.end()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'hung'>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MS, 'hung')
  })
  const outcome = await Promise.race([closed, late])
  clearTimeout(timer)
  if (outcome === 'hung') socket.resetAndDestroy()
  return outcome
}
