import { topicOf, type WriteTopic } from '../../gateway/wire/topics.ts'
import { asDuplicate, publishPacket } from './packets.ts'

const MAX_MESSAGE_ID = 65_535

/** One boot: how many reports it made, and how many of them are acknowledged. */
export type Session = { session: string; seqs: number; acknowledged: number }
/** `session`: of a report, whose first acknowledgement counts there. */
export type Unacknowledged = { packet: Buffer; wasSent: boolean; session: Session | undefined; isGreeting: boolean }
export type Report = { session: Session | undefined; name: string; seq: number; topic: WriteTopic; body: string }

/** What a device has to say: its sessions with their seqs, and every PUBLISH until the broker has acknowledged it. */
export class Outgoing {
  readonly sessions: Session[] = []
  readonly #deviceId: string
  readonly #waitsFor: (change: number) => void
  readonly #unacknowledged = new Map<number, Unacknowledged>()
  #messageId = 0

  /** `waitsFor` hears of each acknowledgement that is due, or came. */
  constructor(deviceId: string, waitsFor: (change: number) => void) {
    this.#deviceId = deviceId
    this.#waitsFor = waitsFor
  }

  boot(session: string): void {
    this.sessions.push({ session, seqs: 0, acknowledged: 0 })
  }

  /** Gives a report its place in the session of now; `body` is its JSON after session and seq, without braces. */
  report(topic: WriteTopic, body: string): Report {
    const session = this.sessions.at(-1)!
    return { session, name: session.session, seq: session.seqs++, topic, body }
  }

  packetOf({ session, name, seq, topic, body }: Report): Unacknowledged {
    return this.#publish(topic, `{"session":"${name}","seq":${seq},${body}}`, { isGreeting: false, session })
  }

  /** What the device says of itself at each connect; retained. */
  greeting(name: 'description' | 'status', payload: string): Unacknowledged {
    return this.#publish(name, payload, { isGreeting: true, session: undefined })
  }

  /** The connection is over: the next one greets anew, and nobody waits for answers to the greetings of this one. */
  forgetGreetings(): void {
    for (const [messageId, { isGreeting }] of this.#unacknowledged) {
      if (!isGreeting) continue
      this.#unacknowledged.delete(messageId)
      this.#waitsFor(-1)
    }
  }

  nextMessageId(): number {
    do this.#messageId = (this.#messageId % MAX_MESSAGE_ID) + 1
    while (this.#unacknowledged.has(this.#messageId))
    return this.#messageId
  }

  /** All that must go over a new connection; what may have come over the last one says so. */
  again(): Unacknowledged[] {
    const all = [...this.#unacknowledged.values()]
    for (const one of all) if (one.wasSent) one.packet = asDuplicate(one.packet)
    return all
  }

  acknowledged(messageId: number): void {
    const sent = this.#unacknowledged.get(messageId)
    if (sent === undefined) return // the second acknowledgement of a packet that was sent twice
    this.#unacknowledged.delete(messageId)
    if (sent.session !== undefined) sent.session.acknowledged++
    this.#waitsFor(-1)
  }

  #publish(name: WriteTopic, payload: string, what: Pick<Unacknowledged, 'isGreeting' | 'session'>): Unacknowledged {
    const messageId = this.nextMessageId()
    const packet = publishPacket(topicOf(this.#deviceId, name), payload, messageId, what.isGreeting)
    const sent: Unacknowledged = { packet, wasSent: false, ...what }
    this.#unacknowledged.set(messageId, sent)
    this.#waitsFor(1)
    return sent
  }
}
