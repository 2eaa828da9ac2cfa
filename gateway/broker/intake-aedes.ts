import { EventEmitter } from 'node:events'
import { Aedes, type Client, type PublishPacket } from 'aedes'

/**
 * Aedes without the routing of what went to the intake: nobody else may read it. That saves a match, a counter and a copy
 * for each message.
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

  override publish(packet: PublishPacket, ...rest: unknown[]): void {
    const route = super.publish as (packet: PublishPacket, ...rest: unknown[]) => void
    if (this.taken.has(packet)) (rest.at(-1) as () => void)()
    else route.call(this, packet, ...rest)
  }
}
