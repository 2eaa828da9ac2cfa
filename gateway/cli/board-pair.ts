import { Command, InvalidArgumentError, Option } from 'commander'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { Unit } from '../domain/level.ts'
import { findBoard, needBoard } from './board-find.ts'
import { CliError, type Context, contextOf } from './client.ts'

type PairOptions = { gtin?: string[]; capacity: number; slot?: string; unit?: Unit; password?: string }

export function pairCommand(): Command {
  return new Command('pair')
    .description('make a board a device of the gateway, with a key of its own that signs its levels')
    .argument('<board>', 'its port as `adept board list` has it, or its device id to give it a new key')
    .argument('<id>', 'its device id from now on: at most 15 of a–z, 0–9 and -')
    .requiredOption('--capacity <amount>', "a full slot, in the board's unit", parseCapacity)
    .option('--gtin <gtin...>', 'products that fill it; what it may buy')
    .option('--slot <slot>', 'name of its slot (default: as the board says)')
    .addOption(new Option('--unit <unit>', 'unit of its slot (default: as the board says)').choices(Unit.options))
    .option('--password <password>', 'of a device that was added before (default: adds the device)')
    .action(async (name: string, deviceId: string, options: PairOptions, command: Command) => {
      const context = contextOf(command)
      const slots = slotsOf(needBoard(await findBoard(context.dataFolder, name), name), options)
      const password = options.password ?? (await addDevice(context, deviceId))
      const board = await pair(context, { board: name, deviceId, password, slots }, options.password === undefined)
      context.print(
        board,
        [
          board.signed
            ? `${deviceId} is paired: it signs its levels with a new key.`
            : `${deviceId} is paired, but this board cannot sign: its levels are shown and never buy. Flash one of our sketches to change that.`,
          '',
          'Next:',
          ...(board.trouble === 'uncalibrated' ? [`  adept board calibrate ${deviceId}`] : []),
          `  adept mandate sign ${deviceId}                  what it may buy, and for how much`,
          `  adept device confirm ${deviceId} --mode auto    or ask, or notify`,
        ].join('\n'),
      )
    })
}

function slotsOf(board: BoardView, { gtin = [], capacity, slot, unit }: PairOptions) {
  const wanted = slot === undefined ? board.slots : [slot]
  const slotUnit = unit ?? board.unit
  if (wanted.length === 0) throw new CliError('The board does not say what its slots are: name one with --slot.', 2)
  if (slotUnit === undefined) throw new CliError('The board does not say its unit: give it with --unit.', 2)
  const replacementProducts = gtin.map((value) => ({ type: 'gtin14' as const, value: value.padStart(14, '0') }))
  return wanted.map((name) => ({
    slot: name,
    unit: slotUnit,
    capacity,
    degradationDirection: 'down' as const,
    replacementProducts,
  }))
}

async function addDevice({ client }: Context, deviceId: string): Promise<string> {
  try {
    return (await client.post<{ password: string }>('/v1/devices', { deviceId })).password
  } catch (error) {
    if (!(error instanceof CliError) || !/There is a device/.test(error.message)) throw error
    throw new CliError(`${error.message} If it is to be this board, add --password with the one that it was given.`)
  }
}

type PairRequest = { board: string; deviceId: string; password: string; slots: ReturnType<typeof slotsOf> }

/** A device that was added for a pairing which then fails is there all the same: its password is not lost. */
async function pair({ dataFolder }: Context, request: PairRequest, wasAdded: boolean): Promise<BoardView> {
  try {
    const { board } = await askBridge(dataFolder, { do: 'pair', ...request })
    return board!
  } catch (error) {
    const again = `The device is added; to try again, add --password ${request.password}`
    throw new CliError([(error as Error).message, ...(wasAdded ? [again] : [])].join('\n'))
  }
}

function parseCapacity(text: string): number {
  const capacity = Number(text)
  if (!/^\d{1,9}(\.\d{1,3})?$/.test(text) || capacity === 0) throw new InvalidArgumentError('Give a number above 0.')
  return capacity
}
