import { connect, type Socket } from 'node:net'
import { generate } from 'mqtt-packet'
import { Seed } from '../../gateway/lib/seed.ts'
import { topicOf } from '../../gateway/wire/topics.ts'
import { connectPacket } from './raw-device.ts'
import type { Finding, Stand } from './stand.ts'
import { pause } from './watch.ts'

const DEVICES = 20
const IN_FLIGHT = 50
const DETERGENT = { slot: 'detergent', unit: 'ml', capacity: 1400, replacementProducts: [] }

/**
 * The gateway is killed with SIGKILL while 20 devices keep 50 reports under way each, started again, and its rows are
 * compared with the acks that the devices had: each acknowledged reading must be there exactly once.
 */
export async function killedAtFullLoad(
  stand: Stand,
  options: { rounds: number; seedName: string; onProgress(round: number): void },
): Promise<Finding> {
  const seed = new Seed(options.seedName)
  for (let index = 0; index < DEVICES; index++) {
    const device = await stand.connect(`load-${index}`)
    await device.publish('description', JSON.stringify({ maker: 'Load', model: 'L1', slots: [DETERGENT] }))
    device.close()
  }
  let acknowledged = 0
  let lost = 0
  let doubled = 0
  let acksPerSecond = 0
  for (let round = 0; round < options.rounds; round++) {
    const session = `kill-${round}`
    const devices = await Promise.all(
      Array.from({ length: DEVICES }, async (_, index) => {
        const deviceId = `load-${index}`
        return LoadDevice.start(stand.port, deviceId, await stand.add(deviceId), session)
      }),
    )
    const startedAt = performance.now()
    await pause(seed.between(500, 2_500))
    await stand.home.gateway.kill()
    const acks = devices.reduce((sum, device) => sum + device.acked.length, 0)
    acksPerSecond += acks / ((performance.now() - startedAt) / 1000) / options.rounds
    for (const device of devices) device.close()
    await stand.home.startGateway()
    for (const { deviceId, acked } of devices) {
      const stored = new Map(
        stand
          .rows<{ seq: number; count: number }>(
            `SELECT seq, count(*) AS count FROM readings JOIN sessions USING (session_key)
             WHERE device_id = ? AND session = ? GROUP BY seq`,
            deviceId,
            session,
          )
          .map(({ seq, count }) => [seq, count]),
      )
      lost += acked.filter((seq) => !stored.has(seq)).length
      doubled += [...stored.values()].filter((count) => count > 1).length
    }
    acknowledged += acks
    options.onProgress(round + 1)
  }
  const problems: string[] = []
  if (lost > 0) problems.push(`${lost} acknowledged readings are lost.`)
  if (doubled > 0) problems.push(`${doubled} readings are stored more than once.`)
  if (acknowledged === 0) problems.push('Nothing was acknowledged.')
  return {
    figures: `${options.rounds} rounds at ${(acksPerSecond / 1000).toFixed(1)}k acks/s: ${acknowledged} acknowledged, ${lost} lost, ${doubled} doubled`,
    problems,
  }
}

/** Keeps a fixed number of reports under way and remembers which were acknowledged. */
class LoadDevice {
  readonly deviceId: string
  readonly acked: number[] = []
  readonly #socket: Socket
  readonly #session: string
  readonly #topic: string
  #seq = 0
  #rest = Buffer.alloc(0)

  private constructor(deviceId: string, socket: Socket, session: string) {
    this.deviceId = deviceId
    this.#socket = socket
    this.#session = session
    this.#topic = topicOf(deviceId, 'consumable')
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  static async start(port: number, deviceId: string, password: string, session: string): Promise<LoadDevice> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => undefined)
    socket.write(generate(connectPacket(deviceId, password)))
    const connack = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve)
      socket.once('close', () => reject(new Error(`${deviceId} was not let in.`)))
    })
    if (connack[3] !== 0) throw new Error(`${deviceId} was refused with ${connack[3]}.`)
    const device = new LoadDevice(deviceId, socket, session)
    device.#send(IN_FLIGHT)
    return device
  }

  close(): void {
    this.#socket.destroy()
  }

  #send(count: number): void {
    const packets = Array.from({ length: count }, () => {
      const seq = this.#seq++
      const remaining = (1400 - (seq % 1000) / 10).toFixed(1)
      const payload = `{"session":"${this.#session}","seq":${seq},"slot":"detergent","remaining":${remaining},"unit":"ml"}`
      const messageId = (seq % 65_535) + 1
      return generate({ cmd: 'publish', topic: this.#topic, payload, qos: 1, messageId, dup: false, retain: false })
    })
    this.#socket.write(Buffer.concat(packets))
  }

  /** PUBACKs only, 4 bytes each, cut anywhere by TCP. Their packet id is the seq, modulo 65,535. */
  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const count = Math.floor(bytes.length / 4)
    for (let index = 0; index < count; index++) {
      const behind = (this.#seq - bytes.readUInt16BE(index * 4 + 2) + 65_536) % 65_535
      this.acked.push(this.#seq - (behind === 0 ? 65_535 : behind))
    }
    this.#rest = Buffer.from(bytes.subarray(count * 4))
    if (count > 0 && !this.#socket.destroyed) this.#send(count)
  }
}
