/**
 * Devices of `connections.ts`, a process of its own: raw sockets and packets made by hand, so that ten thousand of them cost
 * less than the broker they speak to. Reads one job per line on stdin and answers one line each.
 */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { generate } from 'mqtt-packet'

/** CONNECTs that wait for their answer at a time. */
const CONNECTING = 200
const TICK_MS = 10

export type Job =
  /** Connects the devices `from` (inclusive) to `to`. */
  | { do: 'connect'; port: number; password: string; from: number; to: number; tls?: boolean }
  /** Each connected device publishes once in `everySeconds`, one after the other. */
  | { do: 'publish'; seconds: number; everySeconds: number }
  | { do: 'disconnect' }
export type Answer = { seconds: number; acks: number; late: number; p50Ms: number; p99Ms: number }

type Device = { id: number; socket: Socket; sentAtMs: number; seq: number }
const devices: Device[] = []
const session = `b${process.pid}`
let latenciesMs: number[] = []

for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await work(JSON.parse(line) as Job))}\n`)
}

async function work(job: Job): Promise<Answer> {
  const beganAt = performance.now()
  latenciesMs = []
  let late = 0
  if (job.do === 'connect') await connectAll(job)
  else if (job.do === 'publish') late = await publishAll(job.seconds, job.everySeconds)
  else for (const { socket } of devices.splice(0)) socket.removeAllListeners('close').destroy()
  latenciesMs.sort((a, b) => a - b)
  return {
    seconds: (performance.now() - beganAt) / 1000,
    acks: latenciesMs.length,
    late,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  }
}

async function connectAll(job: Extract<Job, { do: 'connect' }>): Promise<void> {
  let next = job.from
  const worker = async () => {
    while (next < job.to) await connectOne(job, next++)
  }
  await Promise.all(Array.from({ length: CONNECTING }, worker))
}

function connectOne({ port, password, tls = false }: Extract<Job, { do: 'connect' }>, id: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const device = { id, sentAtMs: 0, seq: 0 } as Device
    let connected = false
    const hear = (chunk: Buffer) => {
      if (connected) return heard(device)
      if (chunk[0] !== 0x20 || chunk[3] !== 0)
        return reject(new Error(`bench-${id} was refused: ${chunk.toString('hex')}`))
      connected = true
      devices.push(device)
      resolve()
    }
    const on = { port, host: '127.0.0.1' }
    // The certificate is the gateway's own; that it is the right one is no cost of the gateway.
    device.socket = tls ? connectTls({ ...on, rejectUnauthorized: false }) : connect({ ...on, noDelay: true })
    device.socket.on('data', hear)
    device.socket.once(tls ? 'secureConnect' : 'connect', () => device.socket.write(connectBytes(id, password)))
    device.socket.once('error', (error) => reject(new Error(`bench-${id}: ${error.message}`)))
    device.socket.once('close', () => {
      throw new Error(`bench-${id} was disconnected.`)
    })
  })
}

function connectBytes(id: number, password: string): Buffer {
  const clientId = `bench-${id}`
  return generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 600,
    clientId,
    username: clientId,
    password: Buffer.from(password),
  })
}

/** Returns how many publishes had to wait for the acknowledgement of the one before. */
async function publishAll(seconds: number, everySeconds: number): Promise<number> {
  const perTick = (devices.length / everySeconds) * (TICK_MS / 1000)
  const beganAt = performance.now()
  let [sent, late] = [0, 0]
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - beganAt
      const due = Math.floor((Math.min(elapsedMs, seconds * 1000) / TICK_MS) * perTick)
      for (; sent < due; sent++) if (!publish(devices[sent % devices.length]!)) late++
      if (elapsedMs < seconds * 1000) return
      const waiting = devices.some(({ sentAtMs }) => sentAtMs > 0)
      if (waiting && elapsedMs < seconds * 1000 + 10_000) return
      clearInterval(timer)
      resolve()
    }, TICK_MS)
  })
  return late
}

function publish(device: Device): boolean {
  if (device.sentAtMs > 0) return false
  device.seq += 1
  const remaining = (1400 - (device.seq % 1000) / 10).toFixed(1)
  device.socket.write(
    generate({
      cmd: 'publish',
      topic: `adept/v1/bench-${device.id}/consumable`,
      payload: `{"session":"${session}","seq":${device.seq},"slot":"detergent","remaining":${remaining},"unit":"ml"}`,
      qos: 1,
      messageId: (device.seq % 65_535) + 1,
      dup: false,
      retain: false,
    }),
  )
  device.sentAtMs = performance.now()
  return true
}

/** Each device has one message under way, so whatever it hears is that one's PUBACK. */
function heard(device: Device): void {
  if (device.sentAtMs === 0) return
  latenciesMs.push(performance.now() - device.sentAtMs)
  device.sentAtMs = 0
}

function percentile(share: number): number {
  return latenciesMs[Math.min(latenciesMs.length - 1, Math.ceil(latenciesMs.length * share) - 1)] ?? Number.NaN
}
