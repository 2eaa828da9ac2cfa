import { WebSocket } from 'ws'
import { z } from 'zod'

/** After a lost connection: doubling from the first to the longest. */
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 10_000
/** A head is about 2 kB. */
const MAX_HEAD_BYTES = 1024 * 1024

/** A new block, or the answer that they are announced from now on. */
const Announcement = z.union([
  z.object({ method: z.literal('eth_subscription') }),
  z.object({ id: z.literal(1), result: z.string() }),
])

/**
 * Calls `onHead` when a new block is announced over WebSocket, and once a subscription stands, for blocks that were missed.
 * A hint only: polling finds every block without it. Returns the way to end it.
 */
export function watchHeads(rpcUrl: string, onHead: () => void): () => void {
  const url = rpcUrl.replace(/^http/, 'ws')
  let socket: WebSocket | undefined
  let timer: NodeJS.Timeout | undefined
  let restMs = FIRST_REST_MS
  let ended = false

  function connect(): void {
    // Node's own WebSocket would take 14 MiB of memory.
    socket = new WebSocket(url, {
      perMessageDeflate: false,
      handshakeTimeout: LONGEST_REST_MS,
      maxPayload: MAX_HEAD_BYTES,
    })
    socket.on('open', () => {
      restMs = FIRST_REST_MS
      socket?.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }))
    })
    socket.on('message', (data) => {
      if (!ended && isAnnouncement(data)) onHead()
    })
    // A failed connection closes, too.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (ended) return
      timer = setTimeout(connect, restMs)
      restMs = Math.min(LONGEST_REST_MS, restMs * 2)
    })
  }
  connect()
  return () => {
    ended = true
    clearTimeout(timer)
    socket?.terminate()
  }
}

function isAnnouncement(data: unknown): boolean {
  try {
    return Announcement.safeParse(JSON.parse(String(data))).success
  } catch {
    return false
  }
}
