import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import type { Message } from '../../gateway/broker/persistence-messages.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { sqliteBrokerState } from '../../gateway/store/broker-state.ts'
import { openDatabase } from '../../gateway/store/database.ts'

type PersistenceOptions = NonNullable<ConstructorParameters<typeof BrokerPersistence>[0]>

export const TABLES = ['sessions', 'subscriptions', 'queue', 'incoming', 'wills', 'retained'].map(
  (name) => `broker_${name}`,
)

/** The broker's state in a real SQLite file in a folder of its own. */
export function temporaryState() {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-test-'))
  const db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  // These tests are about what is written, not when it reaches the disk.
  db.pragma('synchronous = OFF')
  const store = sqliteBrokerState(db)
  const clock = new ManualClock(Date.UTC(2026, 10, 22, 12))
  return {
    db,
    store,
    clock,
    /** A persistence that knows what is on disk. */
    open: (options: PersistenceOptions = {}) =>
      new BrokerPersistence({ clock, state: store.load(clock.nowMs()), write: store.write, ...options }),
    count: (table: string) => (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n,
    empty() {
      db.exec(TABLES.map((table) => `DELETE FROM ${table};`).join(''))
      return this
    },
    close() {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export const NAMES = ['washer-1', '__proto__', 'constructor'] as const
export const TOPICS = ['adept/v1/washer-1/order', '__proto__', 'constructor/toString', 'a/b/c/d'] as const
export const FILTERS = [...TOPICS, '#', '+/toString', 'a/#', '__proto__/#'] as const
let counter = 0

export async function listOf(stream: AsyncIterable<Message>): Promise<Message[]> {
  const messages: Message[] = []
  for await (const each of stream) messages.push(each)
  return messages
}

export function message(topic: string, more: Partial<Message> = {}): Message {
  const count = { brokerId: 'broker-1', brokerCounter: ++counter }
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.from(`text ${counter}`),
    qos: 1,
    dup: false,
    retain: false,
    ...count,
    ...more,
  }
}

/** All that it answers to Aedes, for comparison. */
export async function inside(persistence: BrokerPersistence) {
  const rows = async (stream: AsyncIterable<Message>) => {
    const found: string[] = []
    for await (const { payload, ...fields } of stream)
      found.push(JSON.stringify([Object.entries(fields).sort(), payload?.toString()]))
    return found
  }
  const sorted = async (found: Promise<string[]>) => (await found).sort()
  const ofClient = async (id: string) => ({
    id,
    subscriptions: (await persistence.subscriptionsByClient({ id })).sort((a, b) => (a.topic < b.topic ? -1 : 1)),
    queue: await rows(persistence.outgoingStream({ id })),
    incoming: await Promise.all(
      [1, 2].map((messageId) =>
        persistence.incomingGetPacket({ id }, { messageId } as Message).then(
          ({ topic, payload }) => `${topic} ${payload.toString()}`,
          () => 'none',
        ),
      ),
    ),
  })
  return {
    clients: await Promise.all(NAMES.map(ofClient)),
    matching: await Promise.all(
      TOPICS.map(async (topic) =>
        (await persistence.subscriptionsByTopic(topic)).map(({ clientId, qos }) => `${clientId} ${qos}`).sort(),
      ),
    ),
    counts: await persistence.countOffline(),
    retained: await sorted(rows(persistence.createRetainedStreamCombi(['#', '$x/#']))),
    wills: await sorted(rows(persistence.streamWill())),
  }
}
