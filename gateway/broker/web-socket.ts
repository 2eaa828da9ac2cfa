import { X509Certificate } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { isIPv6, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { machineNames } from './addresses.ts'
import { isFor } from './certificates.ts'
import { type Connection, type ListenerLimits, SOCKET_OPTIONS } from './connection.ts'
import { holdHandshakes } from './handshakes.ts'
import { certificateOf, renewing, type Secure, tlsOptions } from './secure.ts'

const PATH = '/mqtt'
/** Name of the subprotocol: it must be asked for, and is answered [MQTT-6.0.0-3], [MQTT-6.0.0-4]. */
const SUBPROTOCOL = 'mqtt'
/** Close status of RFC 6455: data that cannot be accepted. */
const UNSUPPORTED_DATA = 1003

/** MQTT over WebSocket; imported only where it is set. */
export function webSocketServer(
  secure: Secure | undefined,
  limits: ListenerLimits,
  accept: (connection: Connection) => void,
): Server {
  const timeouts = {
    headersTimeout: limits.connectTimeoutMs,
    requestTimeout: limits.connectTimeoutMs,
    connectionsCheckingInterval: Math.ceil(limits.connectTimeoutMs / 4),
  }
  const server =
    secure === undefined
      ? createServer({ ...SOCKET_OPTIONS, ...timeouts })
      : renewing(createSecureServer({ ...SOCKET_OPTIONS, ...timeouts, ...tlsOptions(secure, limits) }), secure, limits)
  const isDone = holdHandshakes(server, limits)
  const certificate = secure && new X509Certificate(secure.current().cert)
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxPacketBytes,
    handleProtocols: () => SUBPROTOCOL,
  })
  server.on('request', (_request, response) => {
    response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end('This address speaks MQTT by WebSocket.')
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(request, certificate)
    if (refusal !== undefined) {
      socket.on('error', () => undefined)
      socket.end(`HTTP/1.1 ${refusal.status}\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${refusal.reason}`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      isDone(socket)
      // Before the stream's own listener: packets in text frames are not MQTT [MQTT-6.0.0-1].
      webSocket.on('message', (_data, isBinary) => {
        if (!isBinary) webSocket.close(UNSUPPORTED_DATA)
      })
      accept({
        stream: createWebSocketStream(webSocket),
        transport: secure === undefined ? 'ws' : 'wss',
        remoteAddress: request.socket.remoteAddress ?? '',
        certificate: socket instanceof TLSSocket ? certificateOf(socket) : undefined,
      })
    })
  })
  // Requests that are under way; what was upgraded is a connection of the broker.
  const close = server.close.bind(server)
  server.close = (done) => {
    server.closeAllConnections()
    return close(done)
  }
  return server
}

type Refusal = { status: string; reason: string }

/**
 * A page on the web can point its own name at this machine (DNS rebinding): then Host gives it away. A page of another
 * origin gives itself away by Origin; programs send none.
 */
function refusalOf({ url, headers }: IncomingMessage, certificate: X509Certificate | undefined): Refusal | undefined {
  if (url?.split('?')[0] !== PATH) return { status: '404 Not Found', reason: `MQTT is at ${PATH}.` }
  const { host = '', origin } = headers
  if (!isOwnName(host.replace(/:\d{1,5}$/, ''), certificate)) {
    return { status: '403 Forbidden', reason: 'This address answers only to the names and addresses of its machine.' }
  }
  if (origin !== undefined && !isOwnName(hostnameOf(origin), certificate)) {
    return { status: '403 Forbidden', reason: 'Pages of another origin may not call this address.' }
  }
  const asked = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
  if (!asked?.includes(SUBPROTOCOL)) {
    return { status: '400 Bad Request', reason: `Ask for the subprotocol ${SUBPROTOCOL}.` }
  }
  return undefined
}

/** A name or address of this machine, or one that its certificate names. */
function isOwnName(name: string, certificate: X509Certificate | undefined): boolean {
  const asked = name.toLowerCase()
  if (machineNames().some((own) => asked === (isIPv6(own) ? `[${own}]` : own))) return true
  return certificate !== undefined && isFor(certificate, asked)
}

function hostnameOf(origin: string): string {
  return URL.parse(origin)?.hostname ?? ''
}
