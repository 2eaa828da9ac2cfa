/** The processes of the broker's benches: what is measured, and the load. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find(
  existsSync,
)

export type Target = { name: string; port: number; password: string; child: ChildProcess }

/** `readings`: stored already. */
export async function nodeTarget(name: 'aedes' | 'gateway', readings = 0): Promise<Target> {
  // The gateway as `npm start` runs it.
  const flags = name === 'gateway' ? ['--max-semi-space-size=4'] : []
  const child = spawn(
    process.execPath,
    [...flags, join(import.meta.dirname, 'ingest-target.ts'), name, String(readings)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const next = linesOf(child)
  const { port, password } = JSON.parse(await next()) as { port: number; password: string }
  return { name, port, password, child }
}

/** In-memory mosquitto with its defaults but for the queue limits, which would throttle it. */
export async function mosquitto(program: string, folder: string): Promise<Target> {
  const port = await freePort()
  const file = join(folder, 'mosquitto.conf')
  writeFileSync(
    file,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nset_tcp_nodelay true\nlog_dest none\n`,
  )
  const child = spawn(program, ['-c', file], { stdio: 'ignore' })
  await reachable(port)
  return { name: 'mosquitto', port, password: 'none', child }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`Nothing listens on 127.0.0.1:${port} after 5 s.`)
}

/** Returns a function that resolves to the child's next line, and rejects when it has exited. */
export function linesOf(child: ChildProcess): () => Promise<string> {
  const iterator = createInterface(child.stdout!)[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`${child.spawnargs.join(' ')} ended early.`)
    return value
  }
}
