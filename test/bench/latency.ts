/** From a publish to its authorization in a block, order by order, through the real processes on an idle embedded chain. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connectAsync } from 'mqtt'
import { escrow } from '../../contracts/escrow.ts'
import { connectChain, erc20 } from '../../gateway/chain/connection.ts'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { openRpc } from '../../gateway/chain/rpc.ts'
import { topicOf } from '../../gateway/wire/topics.ts'
import { HomeProcesses } from '../support/home-processes.ts'

const ORDERS = 200
const SLOTS_PER_DEVICE = 16
const GTIN = '04006381333931'
const CAPACITY_ML = 1400
/** 200 orders of 12.49 each, and some. */
const PURSE_MINOR_UNITS = 10_000_000_000n
const IDLE_MS = 3_000

const HELP = `npm run bench:latency -- [--orders ${ORDERS}] [--json]
Prints publish → authorization in a block (p50, p99), time to ready, and memory of the idle gateway.`

const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: String(ORDERS) },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
if (values.help) console.log(HELP)
else await bench(Number(values.orders))

async function bench(orderCount: number): Promise<void> {
  // One device stands for many: it may send more than one may.
  const home = await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'warn', ADEPT_MQTT_LIMITS_MESSAGES_PER_SECOND: '1000000' })
  try {
    const idleRssMiB = await idleMemory(home.running.pid)
    await fillPurse(home)
    const slots = Array.from({ length: SLOTS_PER_DEVICE }, (_, index) => `slot-${index}`)
    const latenciesMs: number[] = []
    for (let device = 0; latenciesMs.length < orderCount; device++) {
      const measured = await measureDevice(home, `device-${device}`, slots.slice(0, orderCount - latenciesMs.length))
      latenciesMs.push(...measured)
      console.log(`${String(latenciesMs.length).padStart(4)} of ${orderCount} orders`)
    }
    latenciesMs.sort((a, b) => a - b)
    const figures = {
      orderP50Ms: round(percentile(latenciesMs, 0.5)),
      orderP99Ms: round(percentile(latenciesMs, 0.99)),
      readyMs: Math.round(home.readyMs),
      idleRssMiB: round(idleRssMiB),
      orders: latenciesMs.length,
    }
    console.log(
      `publish → authorization in a block: p50 ${figures.orderP50Ms} ms, p99 ${figures.orderP99Ms} ms (${figures.orders} orders)`,
    )
    console.log(
      `gateway ready after ${figures.readyMs} ms; ${figures.idleRssMiB} MiB resident when idle, without anvil`,
    )
    if (values.json) console.log(JSON.stringify({ bench: 'latency', figures }))
  } finally {
    await home.close()
  }
}

/** One device with a mandate; each of its slots runs low once, the next only after the order before is in a block. */
async function measureDevice(home: HomeProcesses, deviceId: string, slots: string[]): Promise<number[]> {
  const { password } = await home.api<{ password: string }>('/v1/devices', { deviceId })
  const client = await connectAsync(`mqtt://127.0.0.1:${home.running.mqttPort}`, {
    protocolVersion: 4,
    clientId: deviceId,
    username: deviceId,
    password,
  })
  let seq = 0
  const publish = (name: 'description' | 'consumable', message: object) =>
    client.publishAsync(topicOf(deviceId, name), JSON.stringify(message), { qos: 1, retain: name === 'description' })
  const level = (slot: string, remaining: number) =>
    publish('consumable', { session: 'bench', seq: seq++, slot, remaining, unit: 'ml' })
  try {
    const replacementProducts = [{ type: 'gtin14', value: GTIN }]
    await publish('description', {
      maker: 'Bench',
      model: 'B1',
      slots: slots.map((slot) => ({ slot, unit: 'ml', capacity: CAPACITY_ML, replacementProducts })),
    })
    await signMandate(home, deviceId)
    await home.api(`/v1/devices/${deviceId}/confirm`, { mode: 'auto' })
    for (const slot of slots) {
      await level(slot, CAPACITY_ML)
      await level(slot, 750)
    }
    const blocks = await watchAuthorizations(home)
    const latenciesMs: number[] = []
    for (const slot of slots) {
      await home.until(
        () => idle(home),
        (isIdle) => isIdle,
      )
      const inBlock = blocks.next()
      const publishedAt = performance.now()
      void level(slot, 100)
      latenciesMs.push((await inBlock) - publishedAt)
    }
    blocks.close()
    return latenciesMs
  } finally {
    await client.endAsync()
  }
}

async function signMandate(home: HomeProcesses, deviceId: string): Promise<void> {
  const { draft } = await home.api<{ draft: unknown }>('/v1/mandates/draft', {
    deviceId,
    sellerUrl: home.shopUrl,
    allowance: '1000000000',
    periodSeconds: 30 * 86_400,
    maxPerOrder: '25000000',
    maxOpenOrders: SLOTS_PER_DEVICE,
    coolingOffSeconds: 86_400,
    days: 365,
  })
  await home.api('/v1/mandates', { draft, useGatewayWallet: true })
  type Mandates = { mandates: { deviceId: string; state: string }[] }
  await home.until(
    () => home.api<Mandates>('/v1/mandates'),
    ({ mandates }) => mandates.some((mandate) => mandate.deviceId === deviceId && mandate.state === 'granted'),
  )
}

/** No order is between two rows that follow each other at once. */
async function idle(home: HomeProcesses): Promise<boolean> {
  const { orders } = await home.api<{ orders: { state: string }[] }>('/v1/orders?limit=500')
  return orders.every(({ state }) => state === 'authorized')
}

/** Hears of each `Authorized` log over WebSocket, as soon as its block is there. */
async function watchAuthorizations(home: HomeProcesses) {
  const { rpcUrl, escrow: address } = readNodeFile(home.folder)!
  const socket = new WebSocket(rpcUrl.replace(/^http/, 'ws'))
  let heard: ((atMs: number) => void) | undefined
  const subscribed = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as {
        id?: number
        params?: { result: { topics: string[]; data: string } }
      }
      if (message.id === 1) resolve()
      const log = message.params?.result
      if (log !== undefined && escrow.decodeLog(log as Parameters<typeof escrow.decodeLog>[0])?.name === 'Authorized') {
        heard?.(performance.now())
      }
    }
  })
  socket.onopen = () => {
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['logs', { address }] }))
  }
  await subscribed
  return {
    next: () =>
      new Promise<number>((resolve) => {
        heard = resolve
      }),
    close: () => socket.close(),
  }
}

/** Mints test dollars for the gateway's wallet; only the embedded chain's token lets anybody. */
async function fillPurse(home: HomeProcesses): Promise<void> {
  const node = readNodeFile(home.folder)!
  const { payer } = await home.api<{ payer: { address: `0x${string}` } }>('/v1/status')
  const { facts } = await connectChain(node)
  const rpc = openRpc(node.rpcUrl)
  const giver = `0x${'7'.repeat(40)}`
  await rpc.send('anvil_setBalance', [giver, '0xde0b6b3a7640000'])
  await rpc.send('anvil_impersonateAccount', [giver])
  const data = erc20.encode('mint', [payer.address, PURSE_MINOR_UNITS])
  await rpc.send('eth_sendTransaction', [{ from: giver, to: facts.token.address, data }])
}

/** Resident memory after a rest, in MiB. */
async function idleMemory(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
  const status = readFileSync(join('/proc', String(pid), 'status'), 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
