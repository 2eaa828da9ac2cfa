import { generate } from 'mqtt-packet'
import { connectPacket, RawDevice } from './raw-device.ts'
import type { Finding, Stand } from './stand.ts'
import { pause, quantile } from './watch.ts'

const GIANT_BYTES = 100_000_000
const GIANTS = 4
const MAX_GROWTH_MB = 10
const LORISES = 1_500
const DRIP_MS = 500
/** An honest device must be let in within this, whatever strangers do. */
const MAX_CONNECT_MS = 5_000
/** More often would be flapping. */
const HONEST_CONNECTS_EVERY_MS = 1_000

/** Four strangers who send packets of 100 MB instead of a CONNECT, or as one. */
export async function giantPackets(stand: Stand): Promise<Finding> {
  return stand.beside(async () => {
    const before = stand.rssMb()
    let most = before
    let sentBytes = 0
    const isLooking = setInterval(() => {
      most = Math.max(most, stand.rssMb())
    }, 20)
    const flood = Buffer.alloc(1_000_000)
    await Promise.all(
      Array.from({ length: GIANTS }, async (_, index) => {
        const { socket, closed } = await RawDevice.open(stand.port)
        // 0x10 is a CONNECT, 0x30 a PUBLISH; then its length in the four bytes that MQTT has for it.
        const length = [0, 7, 14, 21].map((shift) => ((GIANT_BYTES >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0))
        socket.write(Buffer.from([index % 2 === 0 ? 0x10 : 0x30, ...length]))
        for (let sent = 0; sent < GIANT_BYTES && !socket.destroyed; sent += flood.length) {
          if (!socket.write(flood))
            await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
        }
        await closed
        sentBytes += socket.bytesWritten
      }),
    )
    clearInterval(isLooking)
    const growth = most - before
    return {
      figures: `${GIANTS} × 100 MB announced, cut off after ${(sentBytes / 1e6).toFixed(1)} MB in all · RSS at most +${growth.toFixed(1)} MB`,
      problems: growth < MAX_GROWTH_MB ? [] : [`RSS grew by ${growth.toFixed(1)} MB; ${MAX_GROWTH_MB} are allowed.`],
    }
  })
}

/** Sockets that send a byte of a CONNECT now and then, more of them than there are places for those not let in. */
export async function slowLoris(stand: Stand, connectTimeoutMs: number): Promise<Finding> {
  const password = await stand.add('late-1')
  return stand.beside(async () => {
    const connect = generate(connectPacket('late-1', `${password}x`.repeat(3)))
    const lorises: RawDevice[] = []
    for (let index = 0; index < LORISES; index++)
      lorises.push(await RawDevice.open(stand.port, `127.8.0.${1 + (index % 200)}`))
    let drop = 0
    const dripping = setInterval(() => {
      const byte = connect.subarray(drop, drop + 1)
      drop = Math.min(drop + 1, connect.length - 2)
      for (const { socket } of lorises) if (!socket.destroyed) socket.write(byte)
    }, DRIP_MS)
    const startedAt = performance.now()
    const times: number[] = []
    const problems: string[] = []
    let longestMs = 0
    const allClosed = Promise.all(lorises.map((loris) => loris.closed)).then(() => {
      longestMs = performance.now() - startedAt
    })
    while (longestMs === 0 && performance.now() - startedAt < 2 * connectTimeoutMs) {
      const beganAt = performance.now()
      const late = await stand.connect('late-1').catch((error: Error) => error.message)
      times.push(performance.now() - beganAt)
      if (typeof late === 'string') problems.push(`An honest device could not connect: ${late}.`)
      else late.close()
      await Promise.race([allClosed, pause(HONEST_CONNECTS_EVERY_MS)])
    }
    clearInterval(dripping)
    for (const loris of lorises) loris.close()
    const slowestMs = Math.max(...times)
    if (longestMs === 0) problems.push('Some of them were not closed.')
    if (slowestMs > MAX_CONNECT_MS) problems.push(`An honest device waited ${slowestMs.toFixed(0)} ms to connect.`)
    return {
      figures: `${LORISES} sockets, all closed after ${(longestMs / 1000).toFixed(1)} s · honest connects in ≤ ${slowestMs.toFixed(0)} ms`,
      problems: problems.slice(0, 3),
    }
  })
}

/** Strangers who connect with wrong passwords as fast as they can, from many addresses. */
export async function connectStorm(stand: Stand, seconds: number): Promise<Finding> {
  // Its address is known then: what strangers do with its name does not keep it out.
  const known = await stand.connect('late-2')
  known.close()
  return stand.beside(async () => {
    const endsAt = performance.now() + seconds * 1000
    let connects = 0
    const problems: string[] = []
    const times: number[] = []
    const storm = Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        while (performance.now() < endsAt) {
          const outcome = await RawDevice.connect(stand.port, 'late-2', 'a wrong password', {
            localAddress: `127.7.${index}.${1 + (connects % 250)}`,
          }).catch((error: Error) => error.message)
          if (typeof outcome !== 'string') problems.push('A wrong password was accepted.')
          connects++
        }
      }),
    )
    while (performance.now() < endsAt) {
      const beganAt = performance.now()
      const late = await stand.connect('late-2').catch((error: Error) => error.message)
      times.push(performance.now() - beganAt)
      if (typeof late === 'string') problems.push(`An honest device could not connect: ${late}.`)
      else late.close()
      await pause(HONEST_CONNECTS_EVERY_MS)
    }
    await storm
    const slowestMs = Math.max(...times)
    if (slowestMs > MAX_CONNECT_MS) problems.push(`An honest device waited ${slowestMs.toFixed(0)} ms to connect.`)
    return {
      figures: `${(connects / seconds).toFixed(0)} refused connects/s for ${seconds} s · honest connects p50 ${quantile(times, 0.5).toFixed(0)}, ≤ ${slowestMs.toFixed(0)} ms`,
      problems: problems.slice(0, 3),
    }
  })
}
