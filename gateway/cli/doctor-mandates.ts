import { type Db, type Found, look, ok, SOON_MS, wrong } from './doctor-files.ts'
import { localTime } from './text.ts'

type Row = { deviceId: string; state: 'signed' | 'granted' | 'ended' | 'revoked'; fault: string; endMs: number }

/** Slots that may buy, and the mandates that let them; where none does, what became of the last one. */
export function mandatesCheck(db: Db | undefined, nowMs: number): Found {
  if (db === undefined) return ok('There are none yet.')
  const rows = db
    .prepare<[number], Row>(
      `SELECT device_id AS deviceId, state, fault, endMs
       FROM (SELECT *, iif(json_valid(file), file ->> '$.mandate.end', 0) * 1000 AS endMs FROM mandates)
       ORDER BY iif(state = 'granted' AND fault = '' AND endMs > ?, endMs, 0) DESC, created_at_ms DESC`,
    )
    .all(nowMs)
  const buyers = db
    .prepare<[], string>(
      `SELECT DISTINCT device_id FROM slots WHERE confirmed_at_ms IS NOT NULL AND mode <> 'notify' ORDER BY device_id`,
    )
    .pluck()
    .all()
  const findings = buyers.flatMap((deviceId) => {
    const best = rows.find((row) => row.deviceId === deviceId)
    return judge(deviceId, best, nowMs) ?? []
  })
  if (findings.length > 0) return findings
  return ok(buyers.length === 0 ? 'No device may buy yet.' : `All that may buy have one: ${buyers.join(', ')}.`)
}

/** `row`: the one that is used, else the newest. */
function judge(deviceId: string, row: Row | undefined, nowMs: number) {
  const sign = `Sign one with \`adept mandate sign ${deviceId}\`.`
  const orStop = `${sign} If it should not buy any more: \`adept device confirm ${deviceId} --mode notify\`.`
  if (row === undefined) return wrong(`${deviceId} may buy, but no mandate of it is granted. ${sign}`)
  const { state, fault, endMs } = row
  if (state === 'ended') {
    const why = 'it has a new owner or a new key in the device registry'
    return wrong(`${deviceId} may buy, but its mandate has ended: ${why}. ${orStop}`)
  }
  if (state === 'revoked') return wrong(`${deviceId} may buy, but its mandate is revoked. ${orStop}`)
  if (fault !== '') return wrong(`${deviceId} may buy, but its mandate is not used. ${fault} ${sign}`)
  if (state === 'signed') {
    return look(
      `The mandate of ${deviceId} is signed and not on the chain yet; \`adept mandate show\` tells when it is.`,
    )
  }
  if (endMs < nowMs) return wrong(`The mandate of ${deviceId} ended at ${localTime(endMs)}. ${orStop}`)
  if (endMs < nowMs + SOON_MS) return look(`The mandate of ${deviceId} ends at ${localTime(endMs)}. ${sign}`)
  return undefined
}
