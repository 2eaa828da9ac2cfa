import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'

/** A real line loses what nobody takes: so does this one, beyond so many bytes. */
const MOST_WAITING_BYTES = 64 * 1024
const READY_WITHIN_MS = 5_000

export type Pty = {
  /** Towards whoever has the port open. */
  write(bytes: Buffer): void
  /** The port disappears, as when a plug is pulled. */
  close(): Promise<void>
}

/** A serial port for programs of this machine at the path `link`, made by socat. Throws a sentence when that is not possible. */
export async function openPty(link: string, onData: (bytes: Buffer) => void): Promise<Pty> {
  const socat = spawn('socat', [`pty,raw,echo=0,link=${link}`, 'stdio'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const gone = new Promise<void>((resolve) => socat.once('close', () => resolve()))
  await ready(socat, link)
  socat.stdout.on('data', onData)
  // Closing races with what the board still sends.
  socat.stdin.on('error', () => {})
  return {
    write: (bytes) => {
      if (socat.stdin.writable && socat.stdin.writableLength < MOST_WAITING_BYTES) socat.stdin.write(bytes)
    },
    close: async () => {
      socat.kill('SIGTERM')
      await gone
    },
  }
}

function ready(socat: ChildProcessWithoutNullStreams, link: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    socat.stderr.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-500)
    })
    const deadline = performance.now() + READY_WITHIN_MS
    const look = setInterval(() => {
      if (existsSync(link) && realpathSync(link) !== link) end(resolve)
      else if (performance.now() > deadline)
        end(() => reject(new Error(`socat made no port at ${link} in 5 s. ${said}`)))
    }, 5)
    const end = (then: () => void) => {
      clearInterval(look)
      then()
    }
    socat.once('error', (error: NodeJS.ErrnoException) =>
      end(() =>
        reject(
          error.code === 'ENOENT'
            ? new Error('A simulated board needs socat. Install with: sudo apt-get install -y socat')
            : error,
        ),
      ),
    )
    socat.once('exit', () => end(() => reject(new Error(`socat could not make a port at ${link}: ${said.trim()}`))))
  })
}
