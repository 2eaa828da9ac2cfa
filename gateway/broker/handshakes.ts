import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ListenerLimits } from './connection.ts'
import { ConnectionSlots } from './slots.ts'

/**
 * Bounds the connections of a listener that are not yet the broker's: in their TLS handshake, or before their upgrade to
 * WebSocket. As with those who have not said CONNECT, the oldest gives way. Returns what to call when one is accepted.
 */
export function holdHandshakes(server: Server, { maxPendingConnections }: ListenerLimits): (socket: Duplex) => void {
  const slots = new ConnectionSlots({ maxConnections: Number.POSITIVE_INFINITY, maxPendingConnections })
  /** By the other end's address: Node does not tell which socket a TLS socket is over. */
  const sockets = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket)
    sockets.set(end, socket)
    socket.once('close', () => sockets.delete(end))
    socket.on('error', () => undefined)
    slots.take(socket)
  })
  return (socket) => {
    const accepted = sockets.get(endOf(socket as Socket))
    if (accepted !== undefined) slots.settle(accepted)
  }
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
