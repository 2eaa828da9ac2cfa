import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { WriterPort } from './batch.ts'

/**
 * Starts the writer thread on this database file, whose schema must be up to date. Resolves when it is ready. `onLost` is
 * told, with a sentence, when it ends unasked: faults of the storage are answers, so this is a fault of the program or of its memory.
 */
export async function startWriter(
  file: string,
  onLost: (fault: Error) => void,
): Promise<{ port: WriterPort; stop(): Promise<void> }> {
  const { port1: port, port2 } = new MessageChannel()
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
    workerData: { file, port: port2 },
    transferList: [port2],
  })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  // Rejects with what the thread threw while it began.
  await once(worker, 'message')
  let stopping = false
  let fault: Error | undefined
  worker.on('error', (error) => {
    fault = error as Error
  })
  worker.on('exit', (code) => {
    if (stopping) return
    const why = fault?.message ?? `exit code ${code}.`
    onLost(new Error(`The thread that stores what devices say has ended: ${why}`, { cause: fault }))
  })
  return {
    port,
    async stop() {
      stopping = true
      port.close()
      await ended
    },
  }
}
