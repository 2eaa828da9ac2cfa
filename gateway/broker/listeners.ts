import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { Connection } from './connection.ts'

/** A vanished device without a keepalive of its own is noticed by TCP. */
const TCP_KEEPALIVE_MS = 60_000

export type Listeners = {
  /** Listens; resolves to the real port. Rejects with a sentence when the port is taken. */
  start(): Promise<{ port: number }>
  /** Accepts nobody more. Those who are connected stay: the broker closes them. */
  stop(): Promise<void>
}

/** Opens the ports on which devices reach the broker. */
export function createListeners(options: {
  host: string
  /** 0: any free one. */
  port: number
  accept(connection: Connection): void
}): Listeners {
  const { host, port, accept } = options
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    accept({ stream: socket, transport: 'tcp', remoteAddress: socket.remoteAddress ?? '' })
  })
  return {
    async start() {
      await listen(server, host, port)
      const address = server.address()
      return { port: typeof address === 'object' && address !== null ? address.port : port }
    },
    async stop() {
      // Its callback would wait for the connections to end.
      server.close()
    },
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? 'another program uses it: stop that, or set another port' : error.message
    throw new Error(`The MQTT broker cannot listen on ${host}:${port}: ${why}.`, { cause: error })
  })
}
