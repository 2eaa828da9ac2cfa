import { join } from 'node:path'
import { askBridge } from '../../firmware-bridge/control-client.ts'
import type { BoardView } from '../../firmware-bridge/control-messages.ts'
import type { SlotDescription } from '../../gateway/domain/level.ts'
import { ScriptedBoard } from '../firmware-bridge/fixture.ts'
import type { HomeProcesses } from '../support/home-processes.ts'
import { Buyer, CAPACITY, GTIN } from './buyer.ts'

/** Levels of two steps are further apart; those of one differ by what keeps them apart. */
const SAME_LEVEL = 50
const SLOT: SlotDescription = {
  slot: 'detergent',
  unit: 'g',
  capacity: CAPACITY,
  degradationDirection: 'down',
  replacementProducts: [{ type: 'gtin14', value: GTIN }],
}

/** As the firmware does, it says its level behind each hello; no two levels are the same, so that one stored twice shows. */
export class Bottle extends ScriptedBoard {
  grams = CAPACITY
  #lines = 0

  override hello(): void {
    super.hello()
    this.weigh(this.grams)
  }

  weigh(grams: number): void {
    this.grams = grams
    this.level(Math.round(grams * 100 - ++this.#lines) / 100)
  }
}

/** The device that the board is for one round. */
export class BoardDevice extends Buyer {
  readonly #board: Bottle

  private constructor(home: HomeProcesses, deviceId: string, board: Bottle) {
    super(home, deviceId)
    this.#board = board
  }

  /** Paired with a key of its own, with a mandate for so many orders, and allowed to buy. */
  static async pair(home: HomeProcesses, deviceId: string, board: Bottle, orders?: number): Promise<BoardDevice> {
    const { password } = await home.api<{ password: string }>('/v1/devices', { deviceId })
    await home.until(
      () => viewOf(home),
      (view) => view?.state === 'unpaired' || view?.state === 'online',
    )
    await askBridge(home.folder, { do: 'pair', board: board.path, deviceId, password, slots: [SLOT] })
    const device = new BoardDevice(home, deviceId, board)
    // The description goes before the first level.
    await device.level(CAPACITY)
    await device.allow(orders)
    return device
  }

  protected async level(remaining: number): Promise<void> {
    this.#board.weigh(remaining)
    await this.home.until(
      async () => this.#stored().at(-1),
      (last) => last !== undefined && Math.abs(last.remaining - remaining) < SAME_LEVEL,
    )
  }

  protected readingProblems(): string[] {
    const stored = this.#stored()
    const twice = stored.length - new Set(stored.map(({ remaining }) => remaining)).size
    const unsigned = stored.filter(({ mark }) => mark !== 'verified').length
    return [
      ...(twice === 0 ? [] : [`${twice} readings are stored twice.`]),
      ...(unsigned === 0 ? [] : [`${unsigned} readings are not verified.`]),
    ]
  }

  #stored(): { remaining: number; mark: string }[] {
    return this.rows(
      'SELECT remaining, mark FROM readings JOIN sessions USING (session_key) WHERE device_id = ? ORDER BY received_at_ms, seq',
    )
  }
}

/** Starts the bridge for the home's boards. */
export function startBridge(home: HomeProcesses): Promise<void> {
  return home.startBridge(join(home.folder, 'board-*'))
}

/** The board as the bridge shows it. */
export async function viewOf({ folder }: HomeProcesses): Promise<BoardView | undefined> {
  const { boards } = await askBridge(folder, { do: 'list' })
  return boards?.[0]
}
