import { z } from 'zod'
import { Seed } from '../../gateway/lib/seed.ts'
import type { GatewayApi } from '../gateway-api.ts'
import { call } from '../run/escrow-logs.ts'
import { type HostileDevice, misbehave } from './hostile.ts'
import type { Happening } from './plan.ts'

/** What faults do something to: the processes of a real run. */
export type Struck = {
  api: GatewayApi
  rpcUrl: string
  /** SIGKILL, and a start again; resolves when it follows virtual time again. `isMidst`: while time is being settled. */
  kill(victim: 'gateway' | 'shop' | 'chain', isMidst: boolean): Promise<void>
  sellerAway(): Promise<void>
  sellerBack(): Promise<void>
  /** An appliance of the run, for those who would speak in its name. */
  victim: { deviceId: string; slot: string }
}

const NewDevice = z.object({ password: z.string() })

/** Makes happen what the fault plan says. */
export class Striker {
  readonly #seed: Seed
  readonly #hostile = new Map<number, Omit<HostileDevice, 'port'>>()
  /** Between two ticks: faults of the same tick come one after the other. */
  #before: Promise<void> = Promise.resolve()
  #deeds = 0
  readonly #otherwise = new Map<string, number>()

  constructor(seed: string) {
    this.#seed = new Seed(`strike ${seed}`)
  }

  /** What came otherwise than planned, as sentences. */
  get problems(): string[] {
    return [...this.#otherwise].map(([sentence, times]) => (times === 1 ? sentence : `${sentence} (${times} times)`))
  }

  /** Resolves when it is over and everything runs again. */
  async strike(happening: Happening, struck: Struck): Promise<void> {
    const turn = this.#before.then(() => this.#strike(happening, struck))
    this.#before = turn.catch(() => undefined)
    await turn
  }

  async #strike(happening: Happening, struck: Struck): Promise<void> {
    switch (happening.kind) {
      case 'kill':
        return await struck.kill(happening.victim, happening.when === 'midst')
      case 'reorg':
        return this.#noteReorg(happening.blocks, await reorg(struck.rpcUrl, happening.blocks))
      case 'seller-away':
        return await struck.sellerAway()
      case 'seller-back':
        return await struck.sellerBack()
      case 'hostile': {
        const device = await this.#hostileDevice(happening.device, struck)
        if (device === undefined)
          return this.#note(`hostile-${happening.device} was not let in: the gateway did not answer.`)
        const seed = this.#seed.fork(`deed ${this.#deeds++}`)
        await misbehave({ ...device, port: struck.api.mqttPort }, happening.deed, struck.victim, seed)
      }
    }
  }

  #noteReorg(planned: number, taken: number): void {
    if (taken === planned) return
    this.#note(`A reorg took back ${taken} of ${planned} blocks: the chain goes back no further than its last start.`)
  }

  #note(sentence: string): void {
    this.#otherwise.set(sentence, (this.#otherwise.get(sentence) ?? 0) + 1)
  }

  /** Let in at its first deed; undefined while the gateway does not answer. */
  async #hostileDevice(number: number, { api }: Struck): Promise<Omit<HostileDevice, 'port'> | undefined> {
    const known = this.#hostile.get(number)
    if (known !== undefined) return known
    const deviceId = `hostile-${number}`
    const added = await api.post('/v1/devices', { deviceId }, NewDevice).catch(() => undefined)
    if (added === undefined) return undefined
    const device = { deviceId, password: added.password }
    this.#hostile.set(number, device)
    return device
  }
}

/**
 * The last blocks go, and empty ones take their place: as many as there are since the chain was last started, which cannot go
 * back before that. When there is none, a new empty one goes. Resolves to how many went.
 */
async function reorg(rpcUrl: string, blocks: number): Promise<number> {
  const head = Number(z.string().parse(await call(rpcUrl, 'eth_blockNumber', [])))
  for (let depth = Math.min(blocks, head - 1); depth > 0; depth--) {
    const isDone = await call(rpcUrl, 'anvil_reorg', [depth, []]).then(
      () => true,
      () => false,
    )
    if (isDone) return depth
  }
  await call(rpcUrl, 'evm_mine', [])
  await call(rpcUrl, 'anvil_reorg', [1, []])
  return 0
}
