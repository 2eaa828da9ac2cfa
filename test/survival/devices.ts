import type { Socket } from 'node:net'
import { generate } from 'mqtt-packet'
import { DEFAULT_LIMITS } from '../../gateway/broker/limits.ts'
import { topicOf } from '../../gateway/wire/topics.ts'
import type { RawDevice } from './raw-device.ts'
import type { Finding, Stand } from './stand.ts'
import { pause, quantile, watchHonest } from './watch.ts'

const OTHERS = 10
const OTHERS_EVERY_MS = 50
/** Beside a flood the others' p99 may be this many times what it is without, or below this at all. */
const MAX_P99_RATIO = 2
const HARMLESS_P99_MS = 15
const FLOODERS = 50
const MAX_FLOOD_MS = 60_000
/** 16 MiB wait for the writer at most, twice while they are handed over, and what garbage there is besides. */
const MAX_FLOOD_GROWTH_MB = 100

/** One device that was let in publishes as fast as it can; ten others report 20 times a second each. */
export async function floodOfOne(stand: Stand, seconds: number, judgesTimes: boolean): Promise<Finding> {
  return stand.beside(async () => {
    const others = await Promise.all(Array.from({ length: OTHERS }, (_, index) => stand.connect(`calm-${index}`)))
    const warmUp = await watchAll(others, 'warm-up', 1)
    const before = await watchAll(others, 'before', seconds / 2)
    const flooder = await stand.connect('flooder-1')
    let sent = 0
    let isOver = false
    const startedAt = performance.now()
    const flooding = (async () => {
      const { socket } = flooder
      while (!isOver && !socket.destroyed) {
        const batch = Array.from({ length: 100 }, () => telemetry('flooder-1', 'flood', sent++))
        if (!socket.write(Buffer.concat(batch))) {
          await Promise.race([drained(socket), pause(100)])
        }
      }
    })()
    const loud = await watchAll(others, 'loud', seconds)
    isOver = true
    await flooding
    const stored = stand.count(
      `SELECT count(*) AS count FROM readings JOIN sessions USING (session_key) WHERE device_id = 'flooder-1' AND session = 'flood'`,
    )
    const perSecond = stored / ((performance.now() - startedAt) / 1000)
    const wasCut = flooder.socket.destroyed
    flooder.close()
    const after = await watchAll(others, 'after', seconds / 2)
    for (const other of others) other.close()

    const problems = [warmUp, before, loud, after].flatMap((watched) => watched.problems)
    if (wasCut) problems.push('The flooder was disconnected; it must only be read later.')
    const most = DEFAULT_LIMITS.messagesPerSecond + DEFAULT_LIMITS.burstMessages / seconds
    if (perSecond > most * 1.5) problems.push(`${perSecond.toFixed(0)} messages a second of it were read.`)
    const p99Ms = (timesMs: number[]) => quantile(timesMs, 0.99)
    const quietMs = [...before.timesMs, ...after.timesMs]
    if (judgesTimes && p99Ms(loud.timesMs) > Math.max(HARMLESS_P99_MS, MAX_P99_RATIO * p99Ms(quietMs))) {
      problems.push("The others' p99 rose.")
    }
    const shown = (timesMs: number[]) => `${quantile(timesMs, 0.5).toFixed(1)}/${p99Ms(timesMs).toFixed(1)} ms`
    return {
      figures: `${sent} sent, read ${perSecond.toFixed(0)}/s · ten others p50/p99 ${shown(quietMs)} without, ${shown(loud.timesMs)} with`,
      problems,
    }
  })
}

/** The times to all acks of these devices, each reporting 20 times a second. */
async function watchAll(devices: RawDevice[], session: string, seconds: number) {
  const watches: ReturnType<typeof watchHonest>[] = []
  for (const device of devices) {
    watches.push(watchHonest(device, session, OTHERS_EVERY_MS))
    // Not all in the same millisecond.
    await pause(OTHERS_EVERY_MS / devices.length)
  }
  await pause(seconds * 1000)
  const results = await Promise.all(watches.map((watch) => watch.stop()))
  return { timesMs: results.flatMap(({ timesMs }) => timesMs), problems: results.flatMap(({ problems }) => problems) }
}

/** Fifty devices send all that they kept at once, more than the intake has room for: nothing is dropped. */
export async function floodOfAll(stand: Stand, messages: number): Promise<Finding> {
  return stand.beside(async () => {
    const devices = await Promise.all(Array.from({ length: FLOODERS }, (_, index) => stand.connect(`crowd-${index}`)))
    const before = stand.rssMb()
    let most = before
    const looking = setInterval(() => {
      most = Math.max(most, stand.rssMb())
    }, 200)
    const startedAt = performance.now()
    for (const { id, socket } of devices) {
      for (let seq = 0; seq < messages; seq++) socket.write(telemetry(id, 'crowd', seq))
    }
    const sent = FLOODERS * messages
    const acked = () => devices.reduce((sum, device) => sum + device.acked, 0)
    while (acked() < sent && performance.now() - startedAt < MAX_FLOOD_MS) await pause(10)
    const seconds = (performance.now() - startedAt) / 1000
    clearInterval(looking)
    for (const device of devices) device.close()
    const stored = stand.count(
      `SELECT count(*) AS count FROM readings JOIN sessions USING (session_key) WHERE session = 'crowd'`,
    )
    const problems: string[] = []
    if (acked() < sent) problems.push(`${sent - acked()} were not acknowledged.`)
    if (stored !== sent) problems.push(`${stored} of ${sent} are stored.`)
    if (most - before > MAX_FLOOD_GROWTH_MB) problems.push(`RSS grew by ${(most - before).toFixed(0)} MB.`)
    return {
      figures: `${FLOODERS} devices, ${sent} messages at once, all stored in ${seconds.toFixed(1)} s · RSS at most +${(most - before).toFixed(0)} MB`,
      problems,
    }
  })
}

/** A device that connects over and over is refused for a while; the others are not. */
export async function flapping(stand: Stand): Promise<Finding> {
  const attempts = 60
  return stand.beside(async () => {
    const outcomes: string[] = []
    for (let attempt = 0; attempt < attempts; attempt++) {
      const device = await stand.connect('flapper-1').catch((error: Error) => error.message)
      outcomes.push(typeof device === 'string' ? device : 'in')
      if (typeof device !== 'string') device.close()
    }
    const letIn = outcomes.filter((outcome) => outcome === 'in').length
    const { feed } = await stand.home.api<{ feed: { text: string }[] }>('/v1/feed')
    const told = feed.filter(({ text }) => text.startsWith('flapper-1 connects over and over')).length
    const problems: string[] = []
    // The allowance refills while they try.
    if (letIn < DEFAULT_LIMITS.maxConnectsPerMinute || letIn > DEFAULT_LIMITS.maxConnectsPerMinute + 5) {
      problems.push(`It was let in ${letIn} times.`)
    }
    if (outcomes.at(-1) !== 'refused with 3') problems.push(`At last it was ${outcomes.at(-1)}.`)
    if (told !== 1) problems.push(`The homeowner was told ${told} times.`)
    return {
      figures: `let in ${letIn} of ${attempts} times, then refused with code 3; the homeowner is told once`,
      problems,
    }
  })
}

/** QoS 2 messages that are never released, as fast as they are taken. */
export async function halfDoneQos2(stand: Stand): Promise<Finding> {
  return stand.beside(async () => {
    const before = stand.rssMb()
    const device = await stand.connect('half-1', { clean: false })
    const payload = JSON.stringify({ session: 'half', seq: 0, values: { padding: 'x'.repeat(8_000) } })
    let sent = 0
    while (!device.socket.destroyed && sent < 60_000) {
      const messageId = 1 + (sent++ % 65_000)
      const packet = { cmd: 'publish', topic: topicOf('half-1', 'telemetry'), payload, qos: 2, messageId } as const
      const isFull = !device.socket.write(generate({ ...packet, dup: false, retain: false }))
      if (isFull) await Promise.race([drained(device.socket), device.closed])
    }
    await Promise.race([device.closed, pause(10_000)])
    const received = device.packets.length
    const growth = stand.rssMb() - before
    const problems: string[] = []
    if (!device.socket.destroyed) problems.push('It was not disconnected.')
    if (received > DEFAULT_LIMITS.maxInflightMessages) problems.push(`${received} of them were taken.`)
    if (growth > 60) problems.push(`RSS grew by ${growth.toFixed(0)} MB.`)
    return { figures: `disconnected after ${received} half done · RSS +${growth.toFixed(0)} MB`, problems }
  })
}

/** A publisher at full speed that reads nothing: its acks pile up until it is cut off. */
export async function neverReads(stand: Stand, seconds: number): Promise<Finding> {
  return stand.beside(async () => {
    const before = stand.rssMb()
    let most = before
    const device = await stand.connect('deaf-1')
    device.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: topicOf('deaf-1', 'receipt'), qos: 0 }] })
    await device.next()
    device.socket.pause()
    const startedAt = performance.now()
    let sent = 0
    while (!device.socket.destroyed && performance.now() - startedAt < seconds * 1000) {
      const batch = Array.from({ length: 200 }, () => telemetry('deaf-1', 'deaf', sent++))
      if (!device.socket.write(Buffer.concat(batch))) {
        await Promise.race([drained(device.socket), pause(200)])
        most = Math.max(most, stand.rssMb())
      }
    }
    const cut = device.socket.destroyed
    const afterS = (performance.now() - startedAt) / 1000
    device.close()
    const growth = most - before
    return {
      figures: `${sent} sent in ${afterS.toFixed(0)} s without reading, ${cut ? 'cut off' : 'its acks still fit in the kernel'} · RSS at most +${growth.toFixed(0)} MB`,
      problems: growth < 100 ? [] : [`RSS grew by ${growth.toFixed(0)} MB.`],
    }
  })
}

/** A second connection of a device ends its first one, by the book [MQTT-3.1.4-2]. */
export async function takeover(stand: Stand): Promise<Finding> {
  return stand.beside(async () => {
    const first = await stand.connect('twin-1')
    const startedAt = performance.now()
    const second = await stand.connect('twin-1')
    const isClosed = await Promise.race([first.closed.then(() => true), pause(5_000).then(() => false)])
    const ms = performance.now() - startedAt
    const answered = await second.publish('telemetry', '{"session":"twin","seq":0,"values":{}}').catch(String)
    second.close()
    const problems: string[] = []
    if (!isClosed) problems.push('The first connection was not closed.')
    if (typeof answered === 'string') problems.push(`The second one has no ack: ${answered}.`)
    return { figures: `the first is closed within ${ms.toFixed(0)} ms, the second is served`, problems }
  })
}

/** A removed device's live connection ends at once, and it is let in no more. */
export async function removal(stand: Stand): Promise<Finding> {
  return stand.beside(async () => {
    const device = await stand.connect('gone-1')
    const startedAt = performance.now()
    await stand.home.api('/v1/devices/gone-1/remove', {})
    const isClosed = await Promise.race([device.closed.then(() => true), pause(5_000).then(() => false)])
    const ms = performance.now() - startedAt
    const again = await stand.connect('gone-1').catch((error: Error) => error.message)
    const problems: string[] = []
    if (!isClosed) problems.push('Its connection was not closed.')
    if (again !== 'refused with 4') problems.push(`It connects again: ${typeof again === 'string' ? again : 'let in'}.`)
    return { figures: `closed within ${ms.toFixed(0)} ms of the call, then refused with code 4`, problems }
  })
}

export function telemetry(deviceId: string, session: string, seq: number): Buffer {
  const payload = `{"session":"${session}","seq":${seq},"values":{"temperatureCelsius":40}}`
  const messageId = (seq % 65_535) + 1
  return generate({
    cmd: 'publish',
    topic: topicOf(deviceId, 'telemetry'),
    payload,
    qos: 1,
    messageId,
    dup: false,
    retain: false,
  })
}

/** Resolves when the socket takes more; waiting again leaves no listener behind. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.removeAllListeners('drain')
    socket.once('drain', resolve)
  })
}
