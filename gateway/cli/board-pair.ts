import { Command, InvalidArgumentError, Option } from 'commander'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { Gtin, gtin14 } from '../domain/identifiers.ts'
import { type SlotDescription, Unit } from '../domain/level.ts'
import { BOARD_ARGUMENT, findBoard, needBoard } from './board-find.ts'
import { CliError, type Context, contextOf } from './client.ts'

type PairOptions = { gtin?: Gtin[]; capacity?: number; slot?: string; unit?: Unit; password?: string }

/** Of a board that measures in percent, when nothing else is said. */
const FULL_PERCENT = 100

export function pairCommand(): Command {
  return new Command('pair')
    .description('make a board a device of the gateway, with a new key that signs its levels')
    .argument('<board>', BOARD_ARGUMENT)
    .argument('[id]', 'its device id from now on, at most 15 of a–z, 0–9 and - (default: as before)')
    .option('--capacity <amount>', "a full slot, in the board's unit (default: as before; 100 percent)", parseCapacity)
    .option('--gtin <gtin...>', 'products that fill it: what it may buy', parseGtins)
    .option('--slot <slot>', 'name of its slot (default: as the board says)')
    .addOption(new Option('--unit <unit>', 'unit of its slot (default: as the board says)').choices(Unit.options))
    .option('--password <password>', 'of a device that was added elsewhere (default: adds the device)')
    .action(async (name: string, id: string | undefined, options: PairOptions, command: Command) => {
      const context = contextOf(command)
      const board = needBoard(await findBoard(context.dataFolder, name), name)
      const deviceId = id ?? board.deviceId
      if (deviceId === undefined) throw new CliError(`Give the board a name: adept board pair ${name} bottle-1`, 2)
      const slots = slotsOf(board, options)
      const request = { board: board.port, deviceId, ...(slots && { slots }) }
      // What the board cannot become is not added to the gateway.
      await askBridge(context.dataFolder, { do: 'pair', ...request, password: 'not made yet', isTrial: true })
      const added = options.password === undefined ? await addDevice(context, deviceId) : undefined
      const paired = await pair(context, { ...request, ...passwordOf(options.password ?? added) }, added)
      context.print(paired, [toldOf(paired), '', 'Next:', ...nextSteps(paired)].join('\n'))
    })
}

/** Undefined: as at the pairing before. */
function slotsOf(board: BoardView, options: PairOptions): SlotDescription[] | undefined {
  const { gtin = [], slot, unit = board.unit, capacity = unit === 'percent' ? FULL_PERCENT : undefined } = options
  if (capacity === undefined) {
    if (options.gtin ?? slot) throw new CliError('Give --capacity too: how much a full slot holds.', 2)
    return undefined
  }
  const names = slot === undefined ? board.slots : [slot]
  if (names.length === 0) throw new CliError('The board does not say what its slots are: name one with --slot.', 2)
  if (unit === undefined) throw new CliError('The board does not say its unit: give it with --unit.', 2)
  const replacementProducts = gtin.map((value) => ({ type: 'gtin14' as const, value: gtin14(value) }))
  return names.map((name) => ({ slot: name, unit, capacity, degradationDirection: 'down', replacementProducts }))
}

/** Its new password; undefined when the gateway has the device already: then the bridge may have its password. */
async function addDevice({ client }: Context, deviceId: string): Promise<string | undefined> {
  const { devices } = await client.get<{ devices: { deviceId: string }[] }>('/v1/devices')
  if (devices.some((device) => device.deviceId === deviceId)) return undefined
  return (await client.post<{ password: string }>('/v1/devices', { deviceId })).password
}

type PairRequest = { board: string; deviceId: string; password?: string; slots?: SlotDescription[] }

/** A device that was added for a pairing which then fails is there all the same: its password is not lost. */
async function pair({ dataFolder }: Context, request: PairRequest, addedPassword?: string): Promise<BoardView> {
  try {
    return (await askBridge(dataFolder, { do: 'pair', ...request })).board!
  } catch (error) {
    const again =
      addedPassword && `The device ${request.deviceId} is added; to try again, add --password ${addedPassword}`
    throw new CliError([(error as Error).message, again].filter(Boolean).join('\n'))
  }
}

function passwordOf(password: string | undefined): { password?: string } {
  return password === undefined ? {} : { password }
}

function toldOf({ deviceId, signed }: BoardView): string {
  return signed
    ? `${deviceId} is paired: it signs its levels with a new key.`
    : `${deviceId} is paired, but this board cannot sign: its levels are shown and never buy. Flash one of our sketches to change that.`
}

function nextSteps({ deviceId, trouble }: BoardView): string[] {
  return [
    ...(trouble === 'uncalibrated' ? [`  adept board calibrate ${deviceId}`] : []),
    `  adept mandate sign ${deviceId}                  what it may buy, and for how much`,
    `  adept device confirm ${deviceId} --mode auto    or ask, or notify`,
  ]
}

function parseCapacity(text: string): number {
  const capacity = Number(text)
  if (!/^\d{1,9}(\.\d{1,3})?$/.test(text) || capacity === 0) throw new InvalidArgumentError('Give a number above 0.')
  return capacity
}

function parseGtins(text: string, before: Gtin[] = []): Gtin[] {
  const parsed = Gtin.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError(`This is no GTIN: ${parsed.error.issues[0]!.message}.`)
  return [...before, parsed.data]
}
