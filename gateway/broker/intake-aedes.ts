import { EventEmitter } from 'node:events'
import { Aedes, type Client, type PublishPacket } from 'aedes'

/** What is used of Aedes; private to Aedes 1.2.0, so the version is pinned and a test watches. */
type Inside = { _finishRegisterClient(client: Client): void; unregisterClient(client: Client): void }
const inside = Aedes.prototype as unknown as Inside

/**
 * Aedes without the routing of what went to the intake: nobody else may read it. That saves a match, a counter and a copy
 * for each message. And its list of clients has those who are connected, whatever comes and goes at the same time.
 */
export class IntakeAedes extends Aedes {
  /** By client id; Aedes' types leave it out. */
  declare readonly clients: Record<string, Client | undefined>
  /** Packets that went to the intake. */
  readonly taken = new WeakSet<object>()

  /** Aedes' types leave this event out; without a listener it ends the process. */
  onFault(listener: (error: Error) => void): void {
    EventEmitter.prototype.on.call(this, 'error', listener)
  }

  /** One that ended while it was let in would stay in the list for ever. */
  _finishRegisterClient(client: Client): void {
    if (!client.closed) inside._finishRegisterClient.call(this, client)
  }

  /** One that ends after another has taken its name would take that one off the list, and nobody could drop it any more. */
  unregisterClient(client: Client): void {
    const named = this.clients[client.id]
    inside.unregisterClient.call(this, client)
    if (named !== undefined && named !== client) this.clients[client.id] = named
  }

  override publish(packet: PublishPacket, ...rest: unknown[]): void {
    const route = super.publish as (packet: PublishPacket, ...rest: unknown[]) => void
    if (this.taken.has(packet)) (rest.at(-1) as () => void)()
    else route.call(this, packet, ...rest)
  }
}
