import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import { afterEach, expect, it } from 'vitest'
import { startLine, temporaryStore, until } from './fixture.ts'

type Child = { port: number; answers: Interface; process: ChildProcessByStdio<Writable, Readable, null> }
const children: Child['process'][] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A broker in a process of its own. */
async function start(file: string): Promise<Child> {
  const script = fileURLToPath(new URL('./persistence-child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const answers = createInterface({ input: child.stdout })
  const [line] = await once(answers, 'line')
  return { port: JSON.parse(line).port, answers, process: child }
}

async function kill({ process }: Child): Promise<void> {
  const ended = once(process, 'exit')
  process.kill('SIGKILL')
  await ended
}

async function publish({ process, answers }: Child, name: string, body: object, retain = false): Promise<void> {
  const kept = once(answers, 'line')
  process.stdin.write(`${JSON.stringify({ deviceId: 'washer-1', name, body, retain })}\n`)
  await kept
}

it('keeps a session, its commands and the order over kill -9, and sends nothing again that was acknowledged', async () => {
  const store = temporaryStore()
  const file = store.db.name
  const password = await store.add('washer-1')
  const queued = () => store.db.prepare('SELECT count(*) FROM broker_queue').pluck().get() as number
  /** A device of a persistent session; what it hears, in order. */
  const connect = async ({ port }: { port: number }) => {
    const heard: string[] = []
    const dups: boolean[] = []
    const options = { protocolVersion: 4, username: 'washer-1', password, clean: false, reconnectPeriod: 0 } as const
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { ...options, clientId: 'washer-1' })
    client.on('error', () => undefined)
    client.on('message', (_topic, payload, { dup }) => {
      const { id, orderId } = JSON.parse(payload.toString())
      heard.push(id ?? orderId)
      dups.push(dup)
    })
    const connack = await new Promise<mqtt.IConnackPacket>((resolve) => client.once('connect', resolve))
    return { client, heard, dups, sessionPresent: connack.sessionPresent }
  }
  const command = (id: string) => ({ id, name: 'lamp', arguments: {} })

  let broker = await start(file)
  let device = await connect(broker)
  expect(device.sessionPresent).toBe(false)
  await device.client.subscribeAsync('adept/v1/washer-1/command', { qos: 1 })
  await device.client.endAsync()
  const order = { slot: 'detergent', orderId: 'order-1', state: 'shipped', sinceMs: 1 }
  await publish(broker, 'order', order, true)
  for (const id of ['c-1', 'c-2', 'c-3']) await publish(broker, 'command', command(id))
  await kill(broker)

  broker = await start(file)
  device = await connect(broker)
  expect(device.sessionPresent).toBe(true)
  await until(() => device.heard.length === 3 && queued() === 0)
  expect(device.heard).toEqual(['c-1', 'c-2', 'c-3'])
  await kill(broker)
  device.client.end(true)

  const line = await startLine({ store })
  device = await connect(line)
  expect(device.sessionPresent).toBe(true)
  await device.client.subscribeAsync('adept/v1/washer-1/order', { qos: 1 })
  await until(() => device.heard.includes('order-1'))
  await line.broker.publish('washer-1', 'command', command('c-4'))
  await until(() => device.heard.includes('c-4'))
  expect(device.heard).toEqual(['order-1', 'c-4'])
  expect(device.dups).toEqual([false, false])
  device.client.end(true)
  await line.stop()
})
