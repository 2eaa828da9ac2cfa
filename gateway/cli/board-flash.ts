import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { BridgeError, bridgeFolder, releaseBoard } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import type { FlashedImage, FreeBoard } from '../../firmware-bridge/flash/flash.ts'
import type { Progress } from '../../firmware-bridge/flash/programmer.ts'
import { findImage, type Image, releasedSketches } from '../../firmware-bridge/flash/release.ts'
import { BOARD_ARGUMENT, findBoard } from './board-find.ts'
import { CliError, contextOf } from './client.ts'

type FlashOptions = { image?: string; rollback?: true; own?: true }

export function flashCommand(): Command {
  return new Command('flash')
    .description('write a sketch into a board and verify it; the one that was there before is kept')
    .argument('<board>', BOARD_ARGUMENT)
    .option(
      '--image <image>',
      `${releasedSketches().join(', ')}, or a file: .hex for an Uno or Nano, .bin for an ESP32`,
    )
    .option('--rollback', 'write the image that was there before the last flash')
    .option('--own', 'the file is an image of your own, not a released one')
    .action(async (name: string, options: FlashOptions, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      if ((options.image === undefined) === (options.rollback === undefined)) {
        throw new CliError(
          `Say what to write: --image with ${releasedSketches().join(', ')} or a file; or --rollback.`,
          2,
        )
      }
      const image = options.image === undefined ? 'previous' : releasedOrOwn(options.image, options.own)
      // They load native code, which other commands need not wait for.
      const { flashBoard } = await import('../../firmware-bridge/flash/flash.ts')
      const { avrdude } = await import('../../firmware-bridge/flash/avrdude.ts')
      const { esptool } = await import('../../firmware-bridge/flash/esptool.ts')

      const board = await freeBoard(dataFolder, name)
      try {
        const keptFolder = join(bridgeFolder(dataFolder), 'images', board.keptAs)
        const isEsp = image === 'previous' ? existsSync(join(keptFolder, 'previous.bin')) : image.file.endsWith('.bin')
        const programmer = (isEsp ? esptool : avrdude)(board.path)
        const flashed = await flashBoard({ board, programmer, keptFolder, image, onProgress: progressBar() })
        const { sha256, release = null, hello = null } = flashed
        print({ port: board.path, sha256, release, hello }, toldOf(board, flashed))
      } finally {
        board.close()
      }
    })
}

function releasedOrOwn(nameOrFile: string, isOwn: true | undefined): Image {
  const image = findImage(nameOrFile)
  if (image.release === undefined && !isOwn) {
    throw new CliError(
      `${nameOrFile} (SHA-256 ${image.sha256}) is none of the released images. If it is one of your own, add --own.`,
    )
  }
  return image
}

/** `served` is how the bridge saw it before; absent when none serves the port. */
type BoardToFlash = FreeBoard & { served?: BoardView; keptAs: string; close(): void }

function toldOf({ path, served }: BoardToFlash, { release, sha256, hello }: FlashedImage): string {
  const what =
    release === undefined ? `the image of your own (SHA-256 ${sha256})` : `${release.sketch} ${release.version}`
  const heard =
    hello === undefined
      ? served === undefined
        ? 'Start the bridge to hear it: npm run bridge'
        : 'It says nothing that the bridge understands.'
      : `It says that it runs ${hello.version}.`
  const isChanged = served?.deviceId !== undefined && served.firmware?.sha256 !== hello?.sha256
  return [
    `${path} has ${what} now, verified. ${heard}`,
    ...(isChanged
      ? [`Its firmware changed: it buys nothing before \`adept device confirm ${served.deviceId} --mode …\`.`]
      : []),
  ].join('\n')
}

/** From the bridge, which takes it back afterwards; or a port that no bridge serves. */
async function freeBoard(dataFolder: string, name: string): Promise<BoardToFlash> {
  if (!existsSync(join(dataFolder, 'token'))) {
    throw new CliError(
      `There is no gateway in ${dataFolder}. Make one with \`adept init\`, or name its folder with --data.`,
    )
  }
  const isPort = name.startsWith('/')
  const view = await findBoard(dataFolder, name).catch((error: unknown) => {
    // Without a bridge nobody else has the port.
    if (error instanceof BridgeError && error.cause !== undefined && isPort) return undefined
    throw error
  })
  if (view === undefined) {
    if (!isPort) throw new CliError(`There is no board ${name}. See them with \`adept board list\`, or name its port.`)
    return { path: name, keptAs: fileName(name), take: async () => undefined, close: () => undefined }
  }
  const released = await releaseBoard(dataFolder, view.port)
  return {
    path: released.path,
    served: view,
    keptAs: fileName(view.deviceId ?? view.port),
    take: async () => (await released.take()).firmware,
    close: released.close,
  }
}

function fileName(name: string): string {
  return name.replace(/[^a-zA-Z0-9-]+/g, '_')
}

const BAR_CHARACTERS = 30
const STEPS: Record<Progress['step'], string> = { reading: 'Keep the old', writing: 'Write', verifying: 'Verify' }

/** On standard error: one growing line a step in a terminal, else one line when a step begins. */
function progressBar(): (progress: Progress) => void {
  let shown = ''
  return ({ step, share }) => {
    const label = STEPS[step].padEnd(13)
    if (!process.stderr.isTTY) {
      if (step !== shown) console.error(label.trimEnd())
      shown = step
      return
    }
    const line = `${label}${'█'.repeat(Math.round(share * BAR_CHARACTERS)).padEnd(BAR_CHARACTERS, '░')} ${Math.floor(share * 100)} %`
    if (line === shown) return
    shown = line
    process.stderr.write(`\r${line}${share === 1 ? '\n' : ''}`)
  }
}
