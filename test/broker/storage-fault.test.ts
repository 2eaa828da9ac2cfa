import { afterEach, expect, it } from 'vitest'
import { type Line, level, startLine, until } from './fixture.ts'

let line: Line
afterEach(() => line.stop())

it('gives no ack on a storage fault, closes the connection, and stores the resend', async () => {
  let broken = true
  line = await startLine({
    wrapStore: (store, db) => ({
      async commit(group, atMs) {
        if (!broken) return store.commit(group, atMs)
        // As when the disk is full: the transaction has begun and its COMMIT fails.
        db.pragma('query_only = ON')
        return store.commit(group, atMs).finally(() => db.pragma('query_only = OFF'))
      },
    }),
  })
  const password = await line.add('washer-1')
  const client = await line.client('washer-1', password, { reconnectPeriod: 20 })
  let acked = false
  const publishing = client.publishAsync('adept/v1/washer-1/consumable', level(0, 1000), { qos: 1 }).then(() => {
    acked = true
  })
  await new Promise<void>((resolve) => client.once('close', resolve))
  await new Promise<void>((resolve) => client.once('close', resolve))
  expect(acked).toBe(false)
  expect(line.count('readings')).toBe(0)
  broken = false
  await publishing
  expect(line.count('readings')).toBe(1)
  await client.endAsync(true)
})

it('gives no ack when the database is closed', async () => {
  line = await startLine()
  const client = await line.client('washer-1', await line.add('washer-1'))
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  line.db.close()
  let acked = false
  client.publish('adept/v1/washer-1/consumable', level(0, 1000), { qos: 1 }, (error) => {
    acked = !error
  })
  await closed
  expect(acked).toBe(false)
})

it('refuses a connection with "server unavailable" when the database is closed', async () => {
  line = await startLine()
  const password = await line.add('washer-1')
  line.db.close()
  await expect(line.client('washer-1', password)).rejects.toMatchObject({ code: 3 })
})

it('does not let a message that the store cannot take keep the acks of others', async () => {
  line = await startLine({
    wrapStore: (store) => ({
      async commit(group, atMs) {
        if (group.some((item) => item.kind === 'report' && item.report.seq === 13)) throw new Error('poison')
        return store.commit(group, atMs)
      },
    }),
  })
  const [bad, good] = [
    await line.client('bad', await line.add('bad')),
    await line.client('good', await line.add('good')),
  ]
  const closed = new Promise<void>((resolve) => bad.once('close', resolve))
  bad.publish('adept/v1/bad/consumable', level(13, 1000), { qos: 1 }, () => undefined)
  const acks = Array.from({ length: 20 }, (_, seq) =>
    good.publishAsync('adept/v1/good/consumable', level(seq + 20, 1000), { qos: 1 }),
  )
  await Promise.all([closed, ...acks])
  await until(() => line.count('readings') === 20)
})
