import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Seed } from '../../gateway/lib/seed.ts'
import { topicOf } from '../../gateway/wire/topics.ts'
import { connectPacket, publishPacket } from '../fleet/packets.ts'
import type { Deed } from './plan.ts'

/** A deed is left alone after so long, whatever the broker makes of it. */
const DEED_MS = 500
const CONNECT_WITHIN_MS = 5_000
const GARBAGE_BYTES = 400
const FLOOD_MESSAGES = 300
/** A PUBLISH that announces 100 MB, and the start of it. */
const GIANT = Buffer.concat([Uint8Array.of(0x30, 0x80, 0x80, 0xc0, 0x2f), Buffer.alloc(60_000, 0x61)])

export type HostileDevice = { deviceId: string; password: string; port: number }

/**
 * One deed of a device that was let in. Nothing is judged here: what it may not do must leave no trace in the rows of
 * others, and these are looked at in the end.
 */
export async function misbehave(
  { deviceId, password, port }: HostileDevice,
  deed: Deed,
  victim: { deviceId: string; slot: string },
  seed: Seed,
): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined) // cut off, as it should be
  const ended = once(socket, 'close')
  try {
    const will = { topic: topicOf(deviceId, 'status'), payload: 'offline' }
    socket.write(connectPacket({ clientId: deviceId, password, will, keepAliveSeconds: 60 }))
    await Promise.race([once(socket, 'data'), ended, wait(CONNECT_WITHIN_MS, undefined, { ref: false })])
    socket.resume()
    if (!socket.destroyed) send(socket, deed, deviceId, victim, seed)
    await Promise.race([ended, wait(DEED_MS, undefined, { ref: false })])
  } catch {
    // a gateway that is killed in the midst of it
  } finally {
    socket.destroy()
  }
}

function send(
  socket: Socket,
  deed: Deed,
  deviceId: string,
  victim: { deviceId: string; slot: string },
  seed: Seed,
): void {
  const telemetry = (session: string, seq: number) =>
    publishPacket(topicOf(deviceId, 'telemetry'), `{"session":"${session}","seq":${seq},"values":{"noise":1}}`, seq + 1)
  switch (deed) {
    case 'foreign topics': {
      // An empty slot would make the gateway buy.
      const level = `{"session":"evil","seq":0,"slot":"${victim.slot}","remaining":0,"unit":"ml"}`
      socket.write(publishPacket(topicOf(victim.deviceId, 'consumable'), level, 1))
      return
    }
    case 'garbage':
      socket.write(Buffer.from(Array.from({ length: GARBAGE_BYTES }, () => Math.floor(seed.next() * 256))))
      return
    case 'old seqs':
      for (const seq of [3, 2, 1, 0, 0, 1, 2, 3, 3]) socket.write(telemetry('old', seq))
      return
    case 'flood':
      for (let seq = 0; seq < FLOOD_MESSAGES; seq++) socket.write(telemetry('flood', seq))
      return
    case 'giant packet':
      socket.write(GIANT)
  }
}
