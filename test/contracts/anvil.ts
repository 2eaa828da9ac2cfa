import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { JsonRpcProvider } from 'ethers'
import { foundryBinary } from '../../contracts/foundry.ts'

/** A chain of its own that includes each transaction at once; disposing ends the process. */
export class Anvil implements AsyncDisposable {
  readonly provider: JsonRpcProvider
  readonly rpcUrl: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, rpcUrl: string) {
    this.#child = child
    this.rpcUrl = rpcUrl
    this.provider = new JsonRpcProvider(rpcUrl, undefined, { cacheTimeout: -1, staticNetwork: true })
  }

  get pid(): number {
    return this.#child.pid!
  }

  static async start(flags: string[] = []): Promise<Anvil> {
    const child = spawn(foundryBinary('anvil'), ['--port', '0', '--no-cors', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of createInterface(child.stdout)) {
      const listening = /^Listening on (\S+)/.exec(line)
      if (listening === null) continue
      child.stdout.resume()
      return new Anvil(child, `http://${listening[1]}`)
    }
    throw new Error('anvil ended before it listened.')
  }

  /** The time of the next blocks is at least so much later. */
  async wait(seconds: number): Promise<void> {
    await this.provider.send('evm_increaseTime', [seconds])
    await this.provider.send('evm_mine', [])
  }

  async now(): Promise<number> {
    return (await this.provider.getBlock('latest'))!.timestamp
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.provider.destroy()
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }
}
