import type { Client } from 'aedes'
import type { Intake, Outcome } from '../ports/ingest.ts'
import { PublishFrame } from '../wire/publish-packet.ts'
import { parseTopic, WRITE_TOPICS } from '../wire/topics.ts'
import type { ConnectionGuard } from './guard.ts'
import type { Rights } from './rights.ts'

/** Bytes of a connection that are taken at once: all that a device may have under way without an ack. */
const CHUNK_BYTES = 8_192
/** A device that lets this many bytes of acks lie unread (16,384 messages) is disconnected; it sends them again. */
const MAX_UNREAD_BYTES = 65_536

/**
 * What is used of Aedes' client and of the parser behind it. It is private to Aedes 1.2.0, so the version is pinned and a
 * test watches.
 */
type ClientInside = {
  /** Packets under way, which Aedes counts up when the parser has one. */
  _parsingBatch: number
  /** Aedes calls it when one is done. */
  _nextBatch(error?: Error): void
  _paused?: boolean
  connackSent: boolean
  _keepaliveTimer: { refresh(): void } | null
  _parser: {
    /** Returns how many bytes it keeps. */
    parse(chunk: Buffer): number
    /** Place within a packet; 0: before its first byte. */
    _stateCounter: number
    on(event: 'packet', listener: () => void): void
  }
}

type Options = { intake: Intake; rights: Rights; guard: ConnectionGuard; maxPacketBytes: number }

/**
 * Reads one connection in place of Aedes: the next bytes only when all messages of the last are done, the guard does not
 * let it rest, and the intake has room. (Aedes' own loop also goes on when new bytes arrive, and loses its count when it is paused.)
 *
 * Plain reports of a connected device do not go through Aedes at all: they are taken out of the chunk as bytes, run by run,
 * and their PUBACKs are written as one buffer. Every other packet goes to Aedes, and so does what follows it in its chunk.
 */
export class PacketReader {
  readonly #client: Client
  readonly #inside: ClientInside
  readonly #options: Options
  readonly #frame = new PublishFrame()
  /** The begin of a report whose end has not come yet. */
  #cut: Buffer | undefined
  /** Aedes' parser waits for the end of a packet. */
  #parsing = false
  /** Packets of this chunk that Aedes saw. */
  #seen = 0
  #resting = false
  #waitsForRoom = false
  /** The topic of the last report, as it came, which may go to the intake. */
  #lastTopic = Buffer.alloc(0)

  constructor(client: Client, options: Options) {
    this.#client = client
    this.#options = options
    this.#inside = insideOf(client)
    client.conn.removeListener('readable', this.#inside._nextBatch)
    client.conn.on('readable', () => this.#read())
    this.#inside._parsingBatch = 0
    this.#inside._nextBatch = (error) => this.#done(error)
    this.#inside._parser.on('packet', () => this.#seen++)
  }

  /** One packet, or one run of them, is done. */
  #done(error?: Error): void {
    if (this.#client.closed) return
    if (error) {
      this.#client.emit('error', error)
      return
    }
    this.#inside._parsingBatch = Math.max(0, this.#inside._parsingBatch - 1)
    this.#read()
  }

  #read(): void {
    const inside = this.#inside
    const { conn } = this.#client
    while (inside._parsingBatch === 0 && !inside._paused && !this.#resting && !conn.destroyed) {
      if (this.#client.closed || !this.#hasRoom()) return
      const chunk = conn.read(Math.min(conn.readableLength, CHUNK_BYTES)) as Buffer | null
      if (chunk === null) return
      this.#seen = 0
      const isPlain = !this.#parsing && this.#client.connected && inside.connackSent
      const reports = isPlain ? this.#takeReports(chunk) : this.#parse(chunk)
      this.#rest(this.#options.guard.took(this.#seen + reports, performance.now()))
    }
  }

  /** Takes the reports from the begin of a chunk, gives Aedes what follows them, and returns how many there were. */
  #takeReports(chunk: Buffer): number {
    const { intake, maxPacketBytes } = this.#options
    const frame = this.#frame
    const bytes = this.#cut === undefined ? chunk : Buffer.concat([this.#cut, chunk])
    this.#cut = undefined
    const messageIds: number[] = []
    let at = 0
    let next: ReturnType<PublishFrame['read']> = 'whole'
    while (at < bytes.length) {
      next = frame.read(bytes, at, maxPacketBytes)
      if (next === 'whole' && !this.#isReport(bytes)) next = 'other'
      if (next !== 'whole') break
      messageIds.push(frame.messageId)
      at = frame.end
    }
    if (at > 0) {
      this.#inside._parsingBatch++
      this.#inside._keepaliveTimer?.refresh()
      intake.take(bytes.subarray(0, at), messageIds.length, (outcome) => this.#settled(messageIds, outcome))
    }
    // A copy, since the chunk is a part of something larger.
    if (next === 'cut') this.#cut = Buffer.from(bytes.subarray(at))
    else if (next === 'other') this.#parse(bytes.subarray(at))
    return messageIds.length
  }

  /** Whether this frame is on a topic of the device's own, which only the intake reads. */
  #isReport(bytes: Buffer): boolean {
    const { topicStart, topicEnd } = this.#frame
    const last = this.#lastTopic
    if (last.length === topicEnd - topicStart && bytes.compare(last, 0, last.length, topicStart, topicEnd) === 0) {
      return true
    }
    // Names of devices and topics are ASCII; any other byte makes a topic that is not ours.
    const topic = bytes.toString('latin1', topicStart, topicEnd)
    const name = parseTopic(topic)?.name
    if (!(WRITE_TOPICS as readonly (string | undefined)[]).includes(name)) return false
    if (this.#options.rights.publish(this.#client.id, topic) !== 'intake') return false
    this.#lastTopic = Buffer.from(bytes.subarray(topicStart, topicEnd))
    return true
  }

  /** Acknowledges what is on disk; a fault closes the connection. */
  #settled(messageIds: number[], { stored, fault }: Outcome): void {
    const { conn } = this.#client
    const acks = pubacks(messageIds, stored)
    if (acks.length > 0 && !conn.destroyed) {
      conn.write(acks)
      if (conn.writableLength > MAX_UNREAD_BYTES) conn.destroy(new Error('acks are not read'))
    }
    this.#done(fault)
  }

  #parse(chunk: Buffer): 0 {
    const { _parser } = this.#inside
    const kept = _parser.parse(chunk)
    this.#parsing = kept > 0 || _parser._stateCounter > 0
    return 0
  }

  #rest(ms: number): void {
    if (ms <= 0) return
    this.#resting = true
    const wake = () => {
      this.#resting = false
      this.#read()
    }
    setTimeout(wake, ms).unref()
  }

  #hasRoom(): boolean {
    const { intake } = this.#options
    if (intake.hasRoom()) return true
    if (!this.#waitsForRoom) {
      this.#waitsForRoom = true
      intake.whenRoom(() => {
        this.#waitsForRoom = false
        this.#read()
      })
    }
    return false
  }
}

/** PUBACKs of those among the first `stored` messages that have an id. */
function pubacks(messageIds: number[], stored: number): Buffer {
  const buffer = Buffer.allocUnsafe(stored * 4)
  let end = 0
  for (let index = 0; index < stored; index++) {
    const id = messageIds[index]!
    if (id === 0) continue
    buffer[end] = 0x40
    buffer[end + 1] = 2 // remaining length
    buffer[end + 2] = id >> 8
    buffer[end + 3] = id & 0xff
    end += 4
  }
  return buffer.subarray(0, end)
}

function insideOf(client: Client): ClientInside {
  const inside = client as unknown as ClientInside
  const isKnown =
    typeof inside._parsingBatch === 'number' &&
    typeof inside._nextBatch === 'function' &&
    typeof inside.connackSent === 'boolean' &&
    typeof inside._parser?.parse === 'function' &&
    typeof inside._parser._stateCounter === 'number'
  if (isKnown) return inside
  throw new Error('This version of Aedes hides how it reads: use the pinned version.')
}
