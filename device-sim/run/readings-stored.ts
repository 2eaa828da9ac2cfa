import type { Books } from './books.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** A session as the device counts it: seqs 0 … `seqs` − 1 were all acknowledged. */
export type Acknowledged = { deviceId: string; session: string; seqs: number }

/** Of each session, every acknowledged seq is marked as stored, and no row is missing that should still be there. */
export function readingsKept(books: Books, acknowledged: readonly Acknowledged[]): Verdict {
  const sessions = new Map(books.sessions.map((session) => [`${session.deviceId}/${session.session}`, session]))
  let seqs = 0
  const wrong: string[] = []
  for (const one of acknowledged) {
    seqs += one.seqs
    const stored = sessions.get(`${one.deviceId}/${one.session}`)
    if (one.seqs === 0 || (stored !== undefined && stored.highWater >= one.seqs - 1)) continue
    const missing = one.seqs - 1 - (stored?.highWater ?? -1)
    wrong.push(
      `${one.deviceId}: up to ${missing} of ${one.seqs} acknowledged reports of session ${one.session} are lost.`,
    )
  }
  const ours = new Set(acknowledged.map(({ deviceId, session }) => `${deviceId}/${session}`))
  for (const { deviceId, session, rows } of books.missing) {
    if (!ours.has(`${deviceId}/${session}`)) continue
    wrong.push(`${deviceId}: ${rows} reports of session ${session} are marked as stored, but their rows are missing.`)
  }
  return verdictOf('No acknowledged report is lost', wrong, `${seqs} reports in ${acknowledged.length} sessions`)
}

/** No row twice, and none in the name of a device that it did not send. */
export function readingsOnce(books: Books, acknowledged: readonly Acknowledged[]): Verdict {
  const ours = new Map<string, Map<string, number>>()
  for (const { deviceId, session, seqs } of acknowledged) {
    const sessions = ours.get(deviceId) ?? new Map<string, number>()
    ours.set(deviceId, sessions.set(session, seqs))
  }
  const foreign = books.sessions.flatMap(({ deviceId, session, highWater, above }) => {
    const sessions = ours.get(deviceId)
    if (sessions === undefined) return []
    const last = Math.max(highWater, ...above.map((range) => range[1]))
    const seqs = sessions.get(session)
    if (seqs !== undefined && last < seqs) return []
    return [`${deviceId} has stored reports of session ${session} up to ${last}, which it never sent.`]
  })
  const doubled = books.doubled.map(
    ({ deviceId, session, seq, times }) => `Report ${session}/${seq} of ${deviceId} is stored ${times} times.`,
  )
  return verdictOf(
    'Every report is stored once, and only its own',
    [...doubled, ...foreign],
    `${books.sessions.length} sessions`,
  )
}
