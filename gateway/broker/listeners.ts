import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { BrokerAddress } from '../ports/onboarding.ts'
import { isLoopback, reachableAddresses } from './addresses.ts'
import { type Connection, type ListenerLimits, SOCKET_OPTIONS } from './connection.ts'
import { holdHandshakes } from './handshakes.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { certificateOf, renewing, type Secure, tlsOptions } from './secure.ts'

/** 0 takes any free port. */
export type ListenOn = { host: string; port: number }
export type Listening = ListenOn & { transport: Connection['transport'] }

export type Listeners = {
  /** Listens; resolves to the real ports, that of plain TCP also by itself. Rejects with a sentence when one is taken. */
  start(): Promise<{ port: number; all: Listening[] }>
  /** Accepts nobody more. Those who are connected stay: the broker closes them. */
  stop(): Promise<void>
}

/** Opens the ports on which devices reach the broker: plain TCP, and TLS and WebSocket where they are set. */
export function createListeners(
  options: ListenOn & {
    tls?: ListenOn | undefined
    /** Encrypted when there is a certificate. */
    webSocket?: ListenOn | undefined
    secure?: Secure | undefined
    limits?: ListenerLimits
    accept(connection: Connection): void
  },
): Listeners {
  const { tls, webSocket, secure, limits = DEFAULT_LIMITS, accept } = options
  const open: Server[] = []

  async function listen(server: Server, on: ListenOn, setting: string): Promise<number> {
    // Who gets the last places is decided behind it.
    server.maxConnections = limits.maxConnections + limits.maxPendingConnections
    server.listen(on.port, on.host)
    await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
      const why = WHY[error.code ?? ''] ?? error.message
      throw new Error(
        `The MQTT broker cannot listen on ${on.host}:${on.port} (${setting}.host, ${setting}.port): ${why}.`,
        { cause: error },
      )
    })
    open.push(server)
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : on.port
  }

  async function stop(): Promise<void> {
    // Its callback would wait for the connections to end.
    for (const server of open.splice(0)) server.close()
  }

  return {
    async start() {
      try {
        const port = await listen(tcpServer(accept), options, 'mqtt')
        const all: Listening[] = [{ transport: 'tcp', host: options.host, port }]
        if (tls !== undefined && secure !== undefined) {
          const server = tlsServer(secure, limits, accept)
          all.push({ transport: 'tls', host: tls.host, port: await listen(server, tls, 'mqtt.tls') })
        }
        if (webSocket !== undefined) {
          const { webSocketServer } = await import('./web-socket.ts')
          const server = webSocketServer(secure, limits, accept)
          const transport = secure === undefined ? 'ws' : 'wss'
          all.push({ transport, host: webSocket.host, port: await listen(server, webSocket, 'mqtt.webSocket') })
        }
        return { port, all }
      } catch (error) {
        await stop()
        throw error
      }
    },
    stop,
  }
}

const WHY: Record<string, string> = {
  EADDRINUSE: 'another program uses it: stop that, or set another port',
  EACCES: 'this user may not: take a port from 1024 on',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such host',
}

const SCHEMES = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' }

/** Under which addresses devices find what listens, those beyond this machine and encrypted ones first. */
export function addressesOf(all: readonly Listening[]): BrokerAddress[] {
  const addresses = all.flatMap(({ transport, host, port }) =>
    reachableAddresses(host).map((address) => ({
      url: `${SCHEMES[transport]}://${address.includes(':') ? `[${address}]` : address}:${port}${transport.startsWith('ws') ? '/mqtt' : ''}`,
      secure: transport === 'tls' || transport === 'wss',
      isLoopback: isLoopback(address),
    })),
  )
  const rank = ({ isLoopback, secure }: BrokerAddress) => (isLoopback ? 2 : 0) + (secure ? 0 : 1)
  return addresses.sort((one, other) => rank(one) - rank(other))
}

function tcpServer(accept: (connection: Connection) => void): Server {
  return createServer(SOCKET_OPTIONS, (socket) =>
    accept({ stream: socket, transport: 'tcp', remoteAddress: socket.remoteAddress ?? '' }),
  )
}

function tlsServer(secure: Secure, limits: ListenerLimits, accept: (connection: Connection) => void): Server {
  const server = createTlsServer({ ...SOCKET_OPTIONS, ...tlsOptions(secure, limits) }, (socket) => {
    isDone(socket)
    accept({
      stream: socket,
      transport: 'tls',
      remoteAddress: socket.remoteAddress ?? '',
      certificate: certificateOf(socket),
    })
  })
  const isDone = holdHandshakes(server, limits)
  // Node leaves a connection open whose handshake failed or took too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return renewing(server, secure, limits)
}
