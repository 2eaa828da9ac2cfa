import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { Receipt } from '../../gateway/wire/messages.ts'
import { type Line, startLine, temporaryStore, until } from '../broker/fixture.ts'

/** One publish of a device: a report, the same again, or one that cannot be read but names its seq. */
type Said = { device: number; session: string; seq: number; readable: boolean }
const DEVICES = ['washer-1', 'washer-2']

/** What each session has been told, the newest last; `device/session`. */
type Told = Map<string, number[]>

async function connected(line: Line, secrets: string[], told: Told) {
  return await Promise.all(
    DEVICES.map(async (deviceId, index) => {
      const client = await line.client(deviceId, secrets[index]!)
      client.on('message', (_, payload) => {
        const { session, seq } = Receipt.parse(JSON.parse(payload.toString()))
        const key = `${deviceId}/${session}`
        told.set(key, [...(told.get(key) ?? []), seq])
      })
      await client.subscribeAsync(`adept/v1/${deviceId}/receipt`, { qos: 1 })
      return client
    }),
  )
}

function bodyOf({ session, seq, readable }: Said): string {
  return JSON.stringify({ session, seq, ...(readable ? { values: { powerWatts: seq } } : { values: 'none' }) })
}

it('receipts tell the highest seq without a gap below it, whatever comes in whichever order, again, and over restarts', async () => {
  const said = fc.record({
    device: fc.nat(1),
    session: fc.constantFrom('a', 'b'),
    seq: fc.nat(9),
    readable: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(said, { maxLength: 12 }), { minLength: 1, maxLength: 3 }), async (lives) => {
      const store = temporaryStore()
      const secrets = [await store.add(DEVICES[0]!), await store.add(DEVICES[1]!)]
      const stored = new Map<string, Set<number>>()
      try {
        for (const life of lives) {
          const told: Told = new Map()
          // A new start of the store knows only what is on disk.
          const line = await startLine({
            store: { ...store, intake: sqliteIntakeStore(store.db), close: () => undefined },
          })
          const clients = await connected(line, secrets, told)
          const touched = new Set<string>()
          for (const report of life) {
            const deviceId = DEVICES[report.device]!
            const key = `${deviceId}/${report.session}`
            stored.set(key, (stored.get(key) ?? new Set()).add(report.seq))
            touched.add(key)
            await clients[report.device]!.publishAsync(`adept/v1/${deviceId}/telemetry`, bodyOf(report), { qos: 1 })
          }
          // Each session that was touched has its newest receipt in the end, and was never told more.
          for (const key of touched) {
            const expected = withoutGaps(stored.get(key)!)
            if (expected === undefined) expect(told.get(key)).toBeUndefined()
            else await until(() => told.get(key)?.at(-1) === expected)
            expect(told.get(key) ?? []).toEqual((told.get(key) ?? []).toSorted((a, b) => a - b))
          }
          await line.stop()
        }
      } finally {
        store.close()
      }
    }),
    { numRuns: 8 },
  )
})

/** The receipt of a naive gateway. */
function withoutGaps(stored: Set<number>): number | undefined {
  let seq = stored.has(0) || !stored.has(1) ? -1 : 0
  while (stored.has(seq + 1)) seq++
  return seq === -1 ? undefined : seq
}
