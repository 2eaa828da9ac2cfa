import { Command } from 'commander'
import { askBridge, followBoardLog } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { printable } from '../lib/printable.ts'
import { calibrateCommand } from './board-calibrate.ts'
import { BOARD_ARGUMENT } from './board-find.ts'
import { flashCommand } from './board-flash.ts'
import { pairCommand } from './board-pair.ts'
import { simulateCommand } from './board-simulate.ts'
import { contextOf } from './client.ts'
import { localTime, table } from './text.ts'

export function boardCommand(): Command {
  return new Command('board')
    .description('boards on serial ports: find, pair, calibrate, flash, simulate')
    .addCommand(listCommand())
    .addCommand(pairCommand())
    .addCommand(calibrateCommand())
    .addCommand(logCommand())
    .addCommand(flashCommand())
    .addCommand(simulateCommand())
}

function listCommand(): Command {
  return new Command('list')
    .description('show the boards that are plugged in')
    .action(async (_options: unknown, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const { boards = [] } = await askBridge(dataFolder, { do: 'list' })
      const rows = boards.map((board) => [
        board.port,
        board.deviceId ?? (board.boardId === undefined ? '' : `(${board.boardId})`),
        board.state,
        board.firmware?.version ?? '',
        board.levels.map(({ slot, remaining, unit }) => `${slot} ${remaining} ${unit}`).join(', '),
        noteOf(board),
      ])
      const nothing = 'No board is plugged in, or none at a port that the bridge looks at (`ports` in bridge.yaml).'
      print(boards, table(['PORT', 'BOARD', 'STATE', 'FIRMWARE', 'LEVEL', 'NOTE'], rows, nothing))
    })
}

/** The board's own word for what keeps it from measuring. */
const TROUBLES: Record<string, string> = {
  sensor: 'its sensor is silent: check the wires',
  uncalibrated: 'it does not know its zero and its scale yet',
  lifted: 'the bottle is off the scale',
  overload: 'the load is more than the sensor can measure',
}
const CONNECTIONS: Record<string, string> = {
  offline: 'no connection to the gateway: does it run?',
  refused: 'the gateway does not know its password: adept board pair',
}

function noteOf({ state, problem, trouble, mqtt, levels, port, deviceId }: BoardView): string {
  const notes = [
    problem,
    state === 'unpaired' && `not a device yet: adept board pair ${port} <id>`,
    trouble && (TROUBLES[trouble] ?? trouble),
    trouble === 'uncalibrated' && deviceId && `adept board calibrate ${deviceId}`,
    mqtt && CONNECTIONS[mqtt],
    problem === undefined && levels.find(({ unverified }) => unverified)?.unverified,
  ]
  return printable(notes.filter(Boolean).join('; '))
}

const ARROWS = { in: '→', out: '←' }

function logCommand(): Command {
  return new Command('log')
    .description('show what a board and the bridge say to each other (→ from the board), until Ctrl-C')
    .argument('<board>', BOARD_ARGUMENT)
    .action(async (board: string, _options: unknown, command: Command) => {
      const { dataFolder, json } = contextOf(command)
      const stop = new AbortController()
      process.once('SIGINT', () => stop.abort())
      for await (const line of followBoardLog(dataFolder, board, stop.signal)) {
        const text = `${localTime(line.atMs)}  ${ARROWS[line.direction]} ${printable(line.text)}`
        console.log(json ? JSON.stringify(line) : text)
      }
      if (!stop.signal.aborted) console.error('The bridge stopped, or the board is gone.')
    })
}
