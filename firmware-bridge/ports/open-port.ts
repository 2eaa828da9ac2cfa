import { setTimeout as wait } from 'node:timers/promises'
import { SerialPort } from 'serialport'
import { openingProblem, useProblem } from './problems.ts'

/** As long as the Arduino tools hold the line down. */
const RESET_PULSE_MS = 50
/** Two lines of the longest kind: the board acknowledges each before the next is sent. */
const MAX_UNSENT_BYTES = 128

export type OpenPort = {
  /** False when what was written before has not left: the port hangs. */
  write(text: string): boolean
  /** Restarts a board that resets on DTR; false where the port has no such line (a pty, some native USB). */
  reset(): Promise<boolean>
  close(): Promise<void>
}

/** A port that could not be opened, as a sentence. */
export class PortError extends Error {}

/**
 * Opens a port for this process alone. `onClosed` is called once when it goes away by itself; it may never be called for
 * a port that is gone, which the heartbeat finds out.
 */
export async function openPort(options: {
  path: string
  baudRate: number
  onData(chunk: Uint8Array): void
  onClosed(): void
}): Promise<OpenPort> {
  const { path, baudRate, onData, onClosed } = options
  // Opening resets most boards, also one on which another program prints: so it is not even tried.
  const inUse = useProblem(path)
  if (inUse !== undefined) throw new PortError(inUse)
  const port = new SerialPort({ path, baudRate, autoOpen: false })
  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error) reject(new PortError(openingProblem(error, path), { cause: error }))
      else resolve()
    })
  })
  port.on('data', onData)
  port.on('error', () => undefined) // it closes, or the heartbeat ends it
  port.on('close', onClosed)

  return {
    write(text) {
      if (!port.isOpen || port.writableLength > MAX_UNSENT_BYTES) return false
      port.write(text, 'latin1')
      return true
    },
    async reset() {
      // RTS stays on: then both an Uno (capacitor on DTR) and an ESP32 (reset while DTR is off and RTS on) start their program.
      const isLow = await setLines(port, { dtr: false, rts: true })
      await wait(RESET_PULSE_MS)
      return (await setLines(port, { dtr: true, rts: true })) && isLow
    },
    async close() {
      port.off('close', onClosed)
      if (!port.isOpen) return
      await new Promise<void>((resolve) => port.close(() => resolve()))
    },
  }
}

function setLines(port: SerialPort, lines: { dtr: boolean; rts: boolean }): Promise<boolean> {
  if (!port.isOpen) return Promise.resolve(false)
  return new Promise((resolve) => port.set(lines, (error) => resolve(!error)))
}
