/**
 * Load generator of `ingest.ts`, a process of its own: raw sockets and mqtt-packet, so that it costs less than what it
 * measures. Reads one job per line on stdin, `{"port":…,"password":…,"seconds":…,"round":…}`, and answers one line each. With
 * `perSecond` the messages come at that pace over all connections, one of which reads its receipts, and the answer tells how
 * long each waited for its PUBACK.
 */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { generate, parser } from 'mqtt-packet'
import { percentile } from './cpu.ts'

const CONNECTIONS = 50
const IN_FLIGHT = 20
/** Time before counting starts, so that every connection is at full flight. */
const WARM_UP_MS = 500

type Job = { port: number; password: string; seconds: number; round: number; perSecond?: number }

for await (const line of createInterface(process.stdin)) {
  const job = JSON.parse(line) as Job
  process.stdout.write(`${JSON.stringify(await (job.perSecond === undefined ? run(job) : pace(job, job.perSecond)))}\n`)
}

async function run(job: Job): Promise<{ acksPerSecond: number; acks: number }> {
  const devices = await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => device(job, index)))
  for (const each of devices) each.begin()
  await pause(WARM_UP_MS)
  const acked = () => devices.reduce((sum, each) => sum + each.acked(), 0)
  const ackedBefore = acked()
  const beganAt = performance.now()
  await pause(job.seconds * 1000)
  const acksPerSecond = (acked() - ackedBefore) / ((performance.now() - beganAt) / 1000)
  for (const each of devices) each.end()
  return { acksPerSecond, acks: acked() }
}

/** Sends `perSecond` messages, evenly over the connections, and measures from each to its PUBACK. */
async function pace(job: Job, perSecond: number): Promise<{ p50Ms: number; p99Ms: number; acks: number }> {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => connectDevice(job, index)))
  const waitsMs: number[] = []
  const sentAt = sockets.map((socket) => {
    const times = new Map<number, number>()
    const parse = parser()
    parse.on('packet', (packet) => {
      if (packet.cmd !== 'puback') return
      const at = times.get(packet.messageId!)
      if (performance.now() - beganAt > WARM_UP_MS) waitsMs.push(performance.now() - at!)
    })
    socket.on('data', (chunk: Buffer) => parse.parse(chunk))
    return times
  })
  const receipts = [{ topic: 'adept/v1/bench-0/receipt', qos: 0 as const }]
  sockets[0]!.write(generate({ cmd: 'subscribe', messageId: 65_535, subscriptions: receipts }))
  const beganAt = performance.now()
  let sent = 0
  while (performance.now() - beganAt < WARM_UP_MS + job.seconds * 1000) {
    for (const due = ((performance.now() - beganAt) / 1000) * perSecond; sent < due; sent++) {
      const index = sent % CONNECTIONS
      const seq = Math.floor(sent / CONNECTIONS) + 1
      const payload = reportOf(`p${job.round}x${index}`, seq)
      const topic = `adept/v1/bench-${index}/consumable`
      sentAt[index]!.set(seq, performance.now())
      sockets[index]!.write(
        generate({ cmd: 'publish', topic, payload, qos: 1, messageId: seq, dup: false, retain: false }),
      )
    }
    await pause(1)
  }
  await pause(WARM_UP_MS)
  for (const socket of sockets) socket.destroy()
  return { p50Ms: percentile(waitsMs, 0.5), p99Ms: percentile(waitsMs, 0.99), acks: waitsMs.length }
}

async function connectDevice(job: Job, index: number): Promise<Socket> {
  const deviceId = `bench-${index}`
  const socket = connect(job.port, '127.0.0.1')
  socket.setNoDelay(true)
  await event(socket, 'connect')
  socket.write(
    generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      keepalive: 60,
      clientId: deviceId,
      username: deviceId,
      password: Buffer.from(job.password),
    }),
  )
  const connack = (await event(socket, 'data')) as Buffer
  if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error(`${deviceId} was refused: ${connack.toString('hex')}`)
  return socket
}

/** Connects one device, which keeps IN_FLIGHT unacknowledged messages under way until it ends. */
async function device(job: Job, index: number) {
  const deviceId = `bench-${index}`
  const topic = `adept/v1/${deviceId}/consumable`
  const session = `r${job.round}x${index}`
  const socket = await connectDevice(job, index)

  let seq = 0
  let acked = 0
  let ended = false
  const header = Buffer.from(topic)

  /** `count` PUBLISH packets in one buffer, so that the generator needs one write per chunk of acks. */
  function send(count: number): void {
    const packets: Buffer[] = []
    for (let sent = 0; sent < count; sent++) {
      const payload = reportOf(session, ++seq)
      const messageId = (seq % 65_535) + 1
      const length = 2 + header.length + 2 + payload.length
      const packet = Buffer.allocUnsafe(3 + length)
      packet[0] = 0x32
      packet[1] = (length & 0x7f) | 0x80
      packet[2] = length >> 7
      packet.writeUInt16BE(header.length, 3)
      header.copy(packet, 5)
      packet.writeUInt16BE(messageId, 5 + header.length)
      payload.copy(packet, 7 + header.length)
      packets.push(packet)
    }
    socket.write(packets.length === 1 ? packets[0]! : Buffer.concat(packets))
  }

  // A PUBACK is 4 bytes; TCP may cut it anywhere.
  let cut = 0
  socket.on('data', (chunk: Buffer) => {
    const bytes = cut + chunk.length
    const count = Math.floor(bytes / 4)
    cut = bytes % 4
    acked += count
    if (!ended && count > 0) send(count)
  })
  socket.on('close', () => {
    if (!ended) throw new Error(`${deviceId} was disconnected after ${acked} acks.`)
  })
  return {
    begin: () => send(IN_FLIGHT),
    acked: () => acked,
    end: () => {
      ended = true
      socket.destroy()
    },
  }
}

/** About 130 bytes, a level that falls slowly within its slot. */
function reportOf(session: string, seq: number): Buffer {
  const remaining = 1400 - (seq % 1000) / 10
  return Buffer.from(
    `{"session":"${session}","seq":${seq},"measuredAtMs":${Date.now()},"slot":"detergent","remaining":${remaining.toFixed(1)},"unit":"ml"}`.padEnd(
      130,
    ),
  )
}

function event(socket: Socket, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once(name, resolve)
    socket.once('error', reject)
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
