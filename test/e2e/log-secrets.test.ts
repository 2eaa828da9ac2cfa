import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openKeyring } from '../../gateway/chain/keys.ts'
import { topicOf } from '../../gateway/wire/topics.ts'
import { CrashDevice } from '../crash/device.ts'
import { HomeProcesses } from '../support/home-processes.ts'

/** In settings that name somebody outside; each is also of a form that would be seen in an error. */
const SETTINGS = {
  ADEPT_NOTIFY_WEBHOOK_URL: 'http://127.0.0.1:9/webhook-secret-4711',
  ADEPT_NOTIFY_ALIVE_URL: 'http://127.0.0.1:9/alive-secret-4711',
  ADEPT_NOTIFY_STATUS_BROKER_URL: 'mqtt://127.0.0.1:9',
  ADEPT_NOTIFY_STATUS_BROKER_USERNAME: 'gateway',
  ADEPT_NOTIFY_STATUS_BROKER_PASSWORD: 'broker-secret-4711',
}

let home: HomeProcesses
let client: MqttClient | undefined
beforeAll(async () => {
  const log = { ADEPT_LOG_LEVEL: 'trace', ADEPT_LOG_FILE: 'gateway.log', ADEPT_LOG_FILE_MEGABYTES: '1000' }
  home = await HomeProcesses.start({ ...log, ADEPT_MQTT_TLS_PORT: '0', ...SETTINGS })
})
afterAll(async () => {
  await client?.endAsync(true)
  await home?.close()
})

/** Everything that must stay between the gateway and whoever it was given to. */
const secrets: string[] = []

async function pair(): Promise<string> {
  const { code } = await home.api<{ code: string }>('/v1/pairing', { minutes: 5, devices: 1 })
  secrets.push(code)
  client = await connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
    ...{ protocolVersion: 4, clientId: 'paired-1', username: 'pairing', password: code, reconnectPeriod: 0 },
  })
  const answered = new Promise<string>((resolve) => client!.once('message', (_topic, body) => resolve(String(body))))
  await client.subscribeAsync(topicOf('paired-1', 'credentials'), { qos: 1 })
  return (JSON.parse(await answered) as { secret: string }).secret
}

it('logs device, order and transaction of each step, and neither log nor feed holds a secret', async () => {
  secrets.push('webhook-secret-4711', 'alive-secret-4711', 'broker-secret-4711', await pair())
  const device = await CrashDevice.add(home, 'washer-1')
  try {
    await device.live()
  } finally {
    await device.close()
  }
  const { password } = await home.api<{ password: string }>('/v1/devices/washer-1/rotate', {})
  const { keyPem } = await home.api<{ keyPem: string }>('/v1/devices/washer-1/certificate', {})
  const wrong = connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
    ...{ protocolVersion: 4, clientId: 'washer-1', username: 'washer-1', password: 'guess-4711', reconnectPeriod: 0 },
  })
  await expect(wrong).rejects.toThrow()
  await home.api('/v1/devices/washer-1/remove', {})
  secrets.push(password, keyPem.split('\n')[2]!, 'guess-4711', readFileSync(join(home.folder, 'token'), 'utf8').trim())
  const keyring = openKeyring(home.folder)
  const master = readFileSync(join(home.folder, 'master.key'))
  const keys = ['relayer', 'payer'].map((name) => keyring.fileKey(name as 'relayer').privateKey.slice(2))
  secrets.push(...keys, master.toString('hex'), master.toString('base64'))
  const { feed } = await home.api<{ feed: object[] }>('/v1/feed?limit=1000')
  const { orders } = await home.api<{ orders: { orderId: string }[] }>('/v1/orders')
  await home.gateway.stop()

  const log = readFileSync(join(home.folder, 'gateway.log'), 'utf8')
  const said = [log, JSON.stringify(feed), ...home.gateway.lines, ...home.shop.lines].join('\n')
  expect(secrets.every((secret) => secret.length >= 4)).toBe(true)
  expect(secrets.filter((secret) => said.toLowerCase().includes(secret.toLowerCase()))).toEqual([])

  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const [order] = orders
  const steps = lines.filter(({ orderId, to }) => orderId === order?.orderId && to !== undefined)
  expect(steps.map(({ to }) => to)).toEqual(expect.arrayContaining(['quoted', 'authorized', 'shipped', 'completed']))
  expect(steps.every(({ deviceId }) => deviceId === 'washer-1')).toBe(true)
  expect(steps.filter(({ txHash }) => typeof txHash === 'string').length).toBeGreaterThan(0)
  expect(lines.filter(({ purpose, txHash }) => purpose !== undefined && txHash !== undefined).length).toBeGreaterThan(0)
})
