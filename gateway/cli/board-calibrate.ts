import { createInterface } from 'node:readline/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import { askBridge, BridgeError } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import { BOARD_ARGUMENT, findBoard, needBoard } from './board-find.ts'
import { CliError, contextOf } from './client.ts'

/** A board refuses while what it measures is not steady; a scale that is touched rests within seconds. */
const STEADY_WITHIN_TRIES = 15
const TRY_AGAIN_MS = 1_000
/** Its level follows at once when it is steady. */
const LEVEL_WITHIN_TRIES = 20
const LOOK_AGAIN_MS = 250
/** What a board keeps as a known load. */
const MAX_KNOWN = 60_000

/** What the board's word means for the person at the scale. */
const REFUSALS: Record<string, string> = {
  busy: 'What the board measures does not come to rest: keep hands and cables off the scale, and try again.',
  small:
    'The board sees hardly any difference to the empty scale: take a heavier weight, and check the wires of the cell.',
  tare: 'The board does not know its zero yet: give --tare with the empty bottle first.',
  store: 'The board could not keep it: its memory is worn out.',
  unknown: 'This board has nothing to calibrate.',
}

export function calibrateCommand(): Command {
  return new Command('calibrate')
    .description('tell a board its zero, and its scale by a weight that you know; asks step by step in a terminal')
    .argument('<board>', BOARD_ARGUMENT)
    .option('--tare', 'what is on it now counts as empty')
    .option('--known <amount>', "what is on it now, in the board's unit, such as 500", parseKnown)
    .action(async (name: string, options: { tare?: true; known?: number }, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const before = needBoard(await findBoard(dataFolder, name), name)
      const { unit = 'g' } = before
      let beforeLast = before
      const step = async (word: 'tare' | 'scale', value?: number) => {
        beforeLast = needBoard(await findBoard(dataFolder, name), name)
        await teach(dataFolder, name, word, value)
      }
      const tare = () => step('tare')
      const scale = (known: number) => step('scale', known)
      const isByHand = options.tare === undefined && options.known === undefined
      if (isByHand) await askSteps(unit, tare, scale)
      if (options.tare) await tare()
      if (options.known !== undefined) await scale(options.known)

      // A board takes its scale only when it has its zero.
      const lacksScale = options.tare && options.known === undefined && before.trouble === 'uncalibrated'
      const levels = lacksScale ? [] : await levelsAfter(dataFolder, name, beforeLast)
      const read = levels.map(({ slot, remaining }) => `${slot} ${remaining} ${unit}`).join(', ')
      print(
        { board: name, calibrated: !lacksScale, levels },
        lacksScale
          ? 'Noted. The other half is still missing: put on a weight that you know, and give it with --known.'
          : `Noted. ${read === '' ? 'Its level comes when it is steady.' : `It reads ${read}.`}`,
      )
    })
}

/** Its levels once one has come that it measured as it does now; none when it does not come to rest. */
async function levelsAfter(dataFolder: string, name: string, before: BoardView): Promise<BoardView['levels']> {
  const latestAtMs = Math.max(-1, ...before.levels.map(({ atMs }) => atMs))
  for (let tries = 0; tries < LEVEL_WITHIN_TRIES; tries++) {
    const { levels = [] } = (await findBoard(dataFolder, name)) ?? {}
    if (levels.some(({ atMs }) => atMs > latestAtMs)) return levels
    await wait(LOOK_AGAIN_MS)
  }
  return []
}

async function askSteps(
  unit: string,
  tare: () => Promise<void>,
  scale: (known: number) => Promise<void>,
): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CliError('Nobody is here to answer. Empty it and give --tare; load it and give --known <amount>.', 2)
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    await terminal.question('Put on what counts as empty (the empty bottle, an empty tank), then press Enter. ')
    await tare()
    const answer = await terminal.question(`Now put on a load that you know. How much is it, in ${unit}? `)
    await scale(parseKnown(answer.trim()))
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new CliError(error.message, 2)
    throw error
  } finally {
    terminal.close()
  }
}

async function teach(dataFolder: string, board: string, name: 'tare' | 'scale', value?: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await askBridge(dataFolder, { do: 'command', board, name, ...(value !== undefined && { value }) })
      return
    } catch (error) {
      if (!(error instanceof BridgeError)) throw error
      const refusal = REFUSALS[error.message]
      if (error.message !== 'busy' || tries === STEADY_WITHIN_TRIES) throw new CliError(refusal ?? error.message)
      if (tries === 1) console.error('Waiting until what it measures is steady …')
      await wait(TRY_AGAIN_MS)
    }
  }
}

function parseKnown(text: string): number {
  const known = Number(text)
  if (!/^\d{1,5}$/.test(text) || known === 0 || known > MAX_KNOWN) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${MAX_KNOWN}.`)
  }
  return known
}
