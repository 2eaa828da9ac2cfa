import { join } from 'node:path'
import Database from 'better-sqlite3'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import type { HomeProcesses } from '../support/home-processes.ts'
import { startBridge } from './board-device.ts'

/** What a round kills; `machine` is gateway, shop and anvil at once, as when the power goes. */
export type Victim = 'gateway' | 'shop' | 'anvil' | 'bridge' | 'machine'

/** A gateway starts its chain again at most five times within an hour; then it takes it for broken. */
const REVIVALS_PER_GATEWAY = 5

/** Kills processes of a home with SIGKILL and has them run again. */
export class Victims {
  readonly home: HomeProcesses
  #revivals = 0

  constructor(home: HomeProcesses) {
    this.home = home
  }

  /** Before a kill: a gateway that has started its chain again too often to do so once more is replaced. */
  async ready(victim: Victim): Promise<void> {
    if (victim !== 'anvil' || this.#revivals < REVIVALS_PER_GATEWAY) return
    await this.home.gateway.stop()
    await this.#startGateway()
  }

  /** Resolves when all runs again. */
  async kill(victim: Victim): Promise<void> {
    const { gateway, shop } = this.home
    switch (victim) {
      case 'gateway':
        await gateway.kill()
        return await this.#startGateway()
      case 'shop':
        await shop.kill()
        return await this.home.startShop()
      case 'anvil': {
        const told = this.#deathsTold()
        this.#revivals++
        this.#killAnvil()
        // The homeowner hears of it once the chain runs again.
        await this.home.until(
          async () => this.#deathsTold(),
          (now) => now > told,
        )
        return
      }
      case 'bridge':
        await this.home.bridge?.kill()
        return await startBridge(this.home)
      case 'machine': {
        // The gateway first, so that nobody starts anything again in between.
        const ends = [gateway.kill(), shop.kill()]
        this.#killAnvil()
        await Promise.all(ends)
        await this.#startGateway()
        return await this.home.startShop()
      }
    }
  }

  #killAnvil(): void {
    const node = readNodeFile(this.home.folder)
    if (node === undefined) throw new Error('There is no embedded chain to kill.')
    process.kill(node.pid, 'SIGKILL')
  }

  #deathsTold(): number {
    const db = new Database(join(this.home.folder, 'gateway.db'), { readonly: true })
    try {
      const count = `SELECT count(*) FROM notifications WHERE kind = 'problem' AND text LIKE '%it was started again with all its blocks.'`
      return db.prepare<[], number>(count).pluck().get()!
    } finally {
      db.close()
    }
  }

  async #startGateway(): Promise<void> {
    await this.home.startGateway()
    this.#revivals = 0
  }
}
