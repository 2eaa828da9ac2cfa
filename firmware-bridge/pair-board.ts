import { randomBytes } from 'node:crypto'
import type { SlotDescription } from '../gateway/domain/level.ts'
import { KEY_BYTES, MAX_BOARD_ID_CHARACTERS, pairingCommands } from '../gateway/wire/serial.ts'
import type { Board } from './board.ts'
import type { PairRequest } from './control-messages.ts'
import type { Hello } from './dialects/dialect.ts'
import type { Pairing } from './pairings.ts'

/** A request that cannot be done, as a sentence. */
export class BridgeProblem extends Error {}

type WholeRequest = PairRequest & { password: string; slots: SlotDescription[]; model: string | undefined }

/** A device that is paired again keeps what the request does not say. Throws `BridgeProblem` when there is nothing to keep. */
export function withKept(request: PairRequest, kept: Pairing | undefined): WholeRequest {
  const { deviceId, password = kept?.password, slots = kept?.slots } = request
  if (password === undefined) {
    throw new BridgeProblem(`${deviceId} was not paired here before: give its password with --password.`)
  }
  if (slots === undefined) throw new BridgeProblem(`${deviceId} was not paired here before: give its --capacity.`)
  return { ...request, password, slots, model: kept?.model }
}

/**
 * What the bridge will keep of a board: with a fresh key for one of ours, without for one that cannot sign. Throws
 * `BridgeProblem` when the request does not fit what the board says of itself.
 */
export function newPairing(request: WholeRequest, board: Board, hello: Hello, nodeIds: number[]): Pairing {
  const { boardId, keyFingerprint, counter } = hello
  const takesKey = boardId !== undefined && keyFingerprint !== undefined && counter !== undefined
  if (takesKey) refuseUnfit(request, hello)
  const { deviceId, password, slots, model = boardId ?? board.dialect ?? 'board' } = request
  return {
    deviceId,
    password,
    key: takesKey ? randomBytes(KEY_BYTES).toString('hex') : null,
    lastCounter: -1,
    port: board.found.name,
    boardId: takesKey ? null : (boardId ?? null),
    maker: takesKey ? 'AdeptSlot' : 'Home-made',
    model,
    slots,
    nodeIds,
  }
}

/** Writes name and key, which the board keeps both or not at all. Throws `BridgeProblem` when it does not take them. */
export async function writeKey(board: Board, { deviceId, key }: Pairing): Promise<void> {
  for (const { name, value } of pairingCommands(deviceId, Buffer.from(key ?? '', 'hex'))) {
    const answer = await board.command(name, value)
    if (!answer.ok) {
      throw new BridgeProblem(
        `The board did not take its ${name === 'id' ? 'name' : 'key'} (${answer.error}): pair it again.`,
      )
    }
  }
}

function refuseUnfit({ deviceId, slots }: WholeRequest, hello: Hello): void {
  if (deviceId.length > MAX_BOARD_ID_CHARACTERS) {
    throw new BridgeProblem(
      `${deviceId} is too long: a board keeps a name of at most ${MAX_BOARD_ID_CHARACTERS} characters.`,
    )
  }
  for (const { slot, unit } of slots) {
    if (!hello.slots.includes(slot)) {
      throw new BridgeProblem(`The board has no slot ${slot}: it has ${hello.slots.join(', ')}.`)
    }
    if (hello.unit !== undefined && unit !== hello.unit) {
      throw new BridgeProblem(`The board measures ${slot} in ${hello.unit}, not in ${unit}.`)
    }
  }
}
