import type { RawDevice } from './raw-device.ts'

const EVERY_MS = 50
/** An ack that takes longer is a problem. */
const ANSWER_MS = 5_000

export type Watched = { sent: number; timesMs: number[]; problems: string[] }

/** Reports at a steady pace and keeps the times to the acks. */
export function watchHonest(device: RawDevice, session: string, everyMs = EVERY_MS) {
  const times: number[] = []
  const problems: string[] = []
  const acks: Promise<void>[] = []
  let isEnding = false
  let seq = 0
  void device.closed.then(() => {
    if (!isEnding) problems.push('The honest device was disconnected.')
  })
  const timer = setInterval(() => {
    const body = JSON.stringify({ session, seq: seq++, values: { temperatureCelsius: 40 } })
    const ack = device.publish('telemetry', body).then(
      (ms) => {
        times.push(ms)
        if (ms > ANSWER_MS) problems.push(`An honest report was acknowledged after ${ms.toFixed(0)} ms.`)
      },
      (error: Error) => void problems.push(`An honest report was not acknowledged: ${error.message}`),
    )
    acks.push(ack)
  }, everyMs)
  return {
    async stop(): Promise<Watched> {
      clearInterval(timer)
      let bound: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        bound = setTimeout(resolve, ANSWER_MS, 'late')
      })
      if ((await Promise.race([Promise.all(acks), late])) === 'late')
        problems.push('Honest reports wait for their acks.')
      clearTimeout(bound)
      isEnding = true
      return { sent: seq, timesMs: times, problems: problems.slice(0, 5) }
    },
  }
}

export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
