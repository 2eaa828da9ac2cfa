import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'
import { afterEach, expect, it } from 'vitest'
import { ManualClock } from '../../gateway/lib/clock.ts'
import { alivePing } from '../../gateway/notify/alive.ts'
import { gatewayStatusTopic, statusBroker, tryStatusBroker } from '../../gateway/notify/status-broker.ts'
import { until } from '../broker/fixture.ts'

const EVERY_MS = 300_000

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function pinged(): Promise<{ url: string; server: Server; pings: number; status: number }> {
  const state = { url: '', server: undefined as unknown as Server, pings: 0, status: 200 }
  state.server = createServer((_request, response) => {
    state.pings++
    response.writeHead(state.status).end('OK')
  }).listen(0, '127.0.0.1')
  await once(state.server, 'listening')
  ends.push(() => state.server.close())
  state.url = `http://127.0.0.1:${(state.server.address() as AddressInfo).port}/ping`
  return state
}

it('asks the address while the gateway is ready, and sooner again after a failure', async () => {
  const there = await pinged()
  const clock = new ManualClock(0)
  const problems: string[] = []
  let ready = true
  const worker = alivePing({
    url: there.url,
    everyMs: EVERY_MS,
    isReady: async () => ready,
    clock,
    onProblem: (sentence) => problems.push(sentence),
  })
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: EVERY_MS })
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: EVERY_MS })
  expect(there.pings).toBe(1)

  clock.set(EVERY_MS)
  ready = false
  await worker.step()
  expect(there.pings).toBe(1)
  clock.set(2 * EVERY_MS)
  ready = true
  there.status = 404
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: 2 * EVERY_MS + 60_000 })
  there.server.close()
  there.server.closeAllConnections()
  clock.set(2 * EVERY_MS + 60_000)
  await worker.step()
  const { host } = new URL(there.url)
  expect(problems).toEqual([
    `The sign of life did not reach ${host}: it answered 404.`,
    expect.stringMatching(/ECONNREFUSED|hang up/),
  ])
})

/** A broker of the house, with a password. */
async function houseBroker(): Promise<{ url: string; stop(): Promise<void> }> {
  const aedes = await Aedes.createBroker({
    authenticate: (_client, userName, password, done) => {
      done(null, userName === 'gateway' && password?.toString() === 'secret')
    },
  })
  const server = createTcpServer(aedes.handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    await new Promise<void>((resolve) => aedes.close(resolve))
    server.close()
  }
  ends.push(stop)
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}

it('keeps its status on the broker of the house, which says offline when the gateway is gone', async () => {
  const { url } = await houseBroker()
  const login = { username: 'gateway', password: 'secret' }
  const watcher = await connectAsync(url, { ...login, protocolVersion: 4 })
  ends.push(() => watcher.endAsync(true))
  const heard: string[] = []
  watcher.on('message', (_topic, payload) => heard.push(payload.toString()))
  await watcher.subscribeAsync(gatewayStatusTopic('home'), { qos: 1 })

  const clock = new ManualClock(0)
  let ready = true
  const parts = { homeId: 'home', isReady: async () => ready, clock, onProblem: () => undefined }
  const first = await statusBroker({ ...parts, broker: { url, ...login } })
  await first.worker.step()
  await until(() => heard.length === 1)
  ready = false
  clock.set(15_000)
  await first.worker.step()
  await until(() => heard.length === 2)
  ready = true
  clock.set(30_000)
  await first.worker.step()
  await first.stop()
  await until(() => heard.length === 4)
  expect(heard).toEqual(['online', 'offline', 'online', 'offline'])

  // One that takes its name makes the broker drop the gateway's connection, as when the gateway is gone.
  const second = await statusBroker({ ...parts, broker: { url, ...login } })
  ends.push(() => second.stop())
  await second.worker.step()
  await until(() => heard.at(-1) === 'online')
  const gone = await connectAsync(url, { ...login, protocolVersion: 4, clientId: 'adept-gateway-home' })
  await until(() => heard.at(-1) === 'offline')
  await gone.endAsync(true)
  const late: string[] = []
  watcher.on('message', (_topic, payload, { retain }) => retain && late.push(payload.toString()))
  await watcher.unsubscribeAsync(gatewayStatusTopic('home'))
  await watcher.subscribeAsync(gatewayStatusTopic('home'), { qos: 1 })
  await until(() => late.length === 1)
  expect(late).toEqual(['offline'])
})

it('says once that the broker of the house is away or refuses', async () => {
  const { url, stop } = await houseBroker()
  const problems: string[] = []
  const broker = { url, username: 'gateway', password: 'wrong' }
  const refused = await statusBroker({
    broker,
    homeId: 'home',
    isReady: async () => true,
    clock: new ManualClock(0),
    onProblem: (sentence) => problems.push(sentence),
  })
  await refused.worker.step()
  await until(() => problems.length === 1)
  const { host } = new URL(url)
  expect(problems).toEqual([
    expect.stringMatching(new RegExp(`^The gateway's status does not reach ${host}: .*[Nn]ot authorized`)),
  ])
  await refused.stop()
  await expect(tryStatusBroker(broker)).rejects.toThrow(/[Nn]ot authorized/)
  await stop()
  await expect(tryStatusBroker(broker)).rejects.toThrow(/ECONNREFUSED/)
})
