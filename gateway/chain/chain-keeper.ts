import { headOf, type JournaledBlock, readBlocks } from './block-journal.ts'
import type { EmbeddedNode } from './embedded-node.ts'
import { watchHeads } from './heads.ts'

/** The whole state is kept at most this often, and at most for a hundredth of the time: it grows with the chain. */
const KEEP_STATE_EVERY_MS = 60_000
const KEEP_STATE_SHARE = 100
/** Blocks are journaled this long after the first of them, many in one write. */
const JOURNAL_AFTER_MS = 50

/** Has the embedded chain on disk: each block in the journal soon after it is made, the whole state now and then. */
export class ChainKeeper {
  readonly #node: EmbeddedNode
  readonly #onFault: (error: unknown) => void
  /** The newest block that is on disk. */
  #kept: { number: number; hash: string } | undefined
  /** Hash of the block up to which the state was kept, at least. */
  #stateIsOf: string | undefined
  #stateDueAtMs = 0
  /** One piece of work after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #journalTimer: NodeJS.Timeout | undefined
  #stateTimer: NodeJS.Timeout | undefined
  #endHeads = () => {}

  constructor(node: EmbeddedNode, onFault: (error: unknown) => void) {
    this.#node = node
    this.#onFault = onFault
  }

  start(): void {
    this.#endHeads = watchHeads(this.#node.file.rpcUrl, () => {
      this.#journalTimer ??= setTimeout(() => {
        this.#journalTimer = undefined
        this.keepBlocks().catch(this.#onFault)
      }, JOURNAL_AFTER_MS).unref()
    })
    this.#stateTimer = setInterval(() => {
      if (performance.now() >= this.#stateDueAtMs) this.keepState().catch(this.#onFault)
    }, KEEP_STATE_EVERY_MS).unref()
  }

  /** The whole state, unless the chain has not moved since the last time. */
  keepState(): Promise<void> {
    return this.#inTurn(() => this.#keepState())
  }

  /** Resolves when every block that there is now is on disk, or the node is away. */
  keepBlocks(): Promise<void> {
    return this.#inTurn(() => this.#journal())
  }

  async stop(): Promise<void> {
    this.#endHeads()
    clearTimeout(this.#journalTimer)
    clearInterval(this.#stateTimer)
    await this.keepBlocks().catch(this.#onFault)
  }

  async #keepState(): Promise<void> {
    const { rpc } = this.#node
    const number = await headOf(rpc)
    const [head] = await readBlocks(rpc, number, number)
    if (head === undefined || head.hash === this.#stateIsOf) return
    const beganAtMs = performance.now()
    await this.#node.keepState(async () => {
      // The state before and the lines until now are the chain, too.
      const isSameFork = await this.#journalBlocks()
      // Of another fork there are no lines: what was made while the state was read is journaled after it.
      if (!isSameFork || this.#kept === undefined) this.#kept = head
      return isSameFork
    })
    const endedAtMs = performance.now()
    this.#stateDueAtMs = endedAtMs + KEEP_STATE_SHARE * (endedAtMs - beganAtMs)
    this.#stateIsOf = head.hash
  }

  /** False when the chain is another fork than the lines: more of them would be of no use. */
  async #journalBlocks(): Promise<boolean> {
    const kept = this.#kept
    const read = kept && (await this.#blocksFrom(kept.number).catch(() => undefined))
    // The node is away: it is announced when it is back.
    if (kept === undefined || read === undefined) return true
    const [known, ...blocks] = read
    if (known?.hash !== kept.hash) return false
    await this.#node.journal.append(blocks)
    this.#kept = blocks.at(-1) ?? kept
    return true
  }

  async #journal(): Promise<void> {
    if (!(await this.#journalBlocks())) await this.#keepState()
  }

  async #blocksFrom(number: number): Promise<JournaledBlock[]> {
    const { rpc } = this.#node
    return await readBlocks(rpc, number, await headOf(rpc))
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}
