import { realpathSync } from 'node:fs'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { CliError } from './client.ts'

/** What names a board. */
export const BOARD_ARGUMENT = 'its device id, or its port as `adept board list` has it, such as /dev/ttyACM0'

/** The board of that device id or port among those that the bridge has. Throws a sentence when no bridge runs. */
export async function findBoard(dataFolder: string, name: string): Promise<BoardView | undefined> {
  const { boards = [] } = await askBridge(dataFolder, { do: 'list' })
  const device = realPath(name)
  return boards.find((board) => [board.deviceId, board.port, board.device].includes(name) || board.device === device)
}

export function needBoard(board: BoardView | undefined, name: string): BoardView {
  if (board === undefined) throw new CliError(`There is no board ${name}. See them with \`adept board list\`.`)
  return board
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // a device id
  }
}
