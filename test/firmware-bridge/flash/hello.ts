import type { Firmware } from '../../../firmware-bridge/flash/flash.ts'
import { openPort } from '../../../firmware-bridge/ports/open-port.ts'

/** On a busy machine: a quiet one takes less than two seconds. */
const BOOT_MS = 20_000

/** Opens the port, which resets the board, and waits for its hello. */
export async function firmwareAt(path: string): Promise<Firmware | undefined> {
  const heard = Promise.withResolvers<Firmware | undefined>()
  let text = ''
  const port = await openPort({
    path,
    baudRate: 115_200,
    onClosed: () => heard.resolve(undefined),
    onData(chunk) {
      text += Buffer.from(chunk).toString('latin1')
      const hello = /\{"t":"hello".*?"fw":"([^"]*)","sha":"([0-9a-f]{64})"/.exec(text)
      if (hello) heard.resolve({ version: hello[1]!, sha256: hello[2]! })
    },
  })
  const late = setTimeout(() => heard.resolve(undefined), BOOT_MS)
  const firmware = await heard.promise
  clearTimeout(late)
  await port.close()
  return firmware
}
