import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { Address } from '../gateway/domain/identifiers.ts'
import { Child } from './child.ts'
import { GatewayApi } from './gateway-api.ts'
import { leadVirtualTime, type TimeLeader } from './time-leader.ts'

const FOLLOWERS = 2
const START_WITHIN_MS = 30_000
const DEATH_KNOWN_WITHIN_MS = 500
/** A chain that was killed is started again by its gateway, which looks every second. */
const REVIVED_WITHIN_MS = 30_000
const REVIVED_POLL_MS = 50

const IS_OVER = 'The stage is over: nothing more begins on it.'
const ROOT = join(import.meta.dirname, '..')
const SellerReady = z.object({ name: z.string(), address: Address, url: z.url() })
const ChainNode = z.object({ pid: z.int().positive(), rpcUrl: z.url(), isWhole: z.boolean() })

export type Seller = z.infer<typeof SellerReady>
export type Victim = 'gateway' | 'shop' | 'chain'

/** What is on stage once it is raised. `api` is of the gateway that runs now. */
export type Scene = { time: TimeLeader; api: GatewayApi; seller: Seller }

/**
 * Real gateway and seller as child processes on virtual time, with a development chain, in a folder of their own. `stop` ends
 * whatever was started, backwards; nothing of it outlives this process, however that ends (leash.ts, reaper.ts).
 */
export class Stage {
  /** Holds all state of the run; removed by `stop`. */
  readonly folder = mkdtempSync(join(tmpdir(), 'adept-sim-'))
  readonly gatewayData = join(this.folder, 'gateway')
  readonly merchantData = join(this.folder, 'merchant')
  /** Rejects when a child ends without being told to. */
  readonly fault: Promise<never>
  readonly #fail: (error: unknown) => void
  readonly #ends: (() => Promise<void>)[] = []
  readonly #children = new Map<string, Child>()
  readonly #reaper = startReaper(this.folder)
  #settings = ''
  #catalogue: string | undefined
  #scene: Scene | undefined
  #isOver = false

  constructor() {
    const fault = Promise.withResolvers<never>()
    fault.promise.catch(() => undefined)
    this.fault = fault.promise
    this.#fail = fault.reject
  }

  /** Those that run, or ran last under their name. */
  get children(): readonly Child[] {
    return [...this.#children.values()]
  }

  /**
   * From empty folders to a gateway without devices, and a seller. `settings` are lines for `adept.yaml` besides those of its
   * ports; `catalogue` is the file of what the seller sells.
   */
  async raise(options: { startMs: number; settings?: string; catalogue?: string | undefined }): Promise<Scene> {
    this.#settings = options.settings ?? ''
    this.#catalogue = options.catalogue
    const time = await leadVirtualTime(this.#socket, options.startMs)
    this.endsWith(() => time.close())
    mkdirSync(this.gatewayData, { mode: 0o700 })
    this.endsWith(async () => void (await this.#children.get('gateway')?.stop()))
    // Free ports at first, so that a run never meets another gateway; the same again after a kill, as devices know them.
    this.#writeSettings(0, 0)
    const api = await this.#startGateway()
    this.#writeSettings(api.mqttPort, Number(new URL(api.httpUrl).port))
    this.endsWith(async () => void (await this.#children.get('merchant')?.stop()))
    const seller = await this.#startMerchant(0)
    await time.waitForFollowers(FOLLOWERS, START_WITHIN_MS)
    this.#scene = { time, api, seller }
    return this.#scene
  }

  /**
   * Ends a process with SIGKILL and starts it again; resolves when it follows virtual time again. `isMidst`: while time is
   * being settled. The shop then dies at its own work: dead while the gateway works, it might be missed or not, as the machine
   * happens to be fast, and an order told hours later.
   */
  async kill(victim: Victim, isMidst: boolean): Promise<void> {
    const scene = this.#raised()
    if (victim === 'chain') return await scene.time.whileMending(() => this.#killChain())
    const name = victim === 'shop' ? 'merchant' : 'gateway'
    if (isMidst && victim === 'shop') await scene.time.atWork(name)
    scene.time.expectBack(name)
    await this.#children.get(name)?.kill()
    if (name === 'gateway') scene.api = await this.#startGateway()
    else await this.#startMerchant(Number(new URL(scene.seller.url).port))
    await scene.time.back(name)
  }

  /** The shop closes; time goes on without it. */
  async sellerAway(): Promise<void> {
    this.#raised().time.dismiss('merchant')
    await this.#children.get('merchant')?.stop()
  }

  async sellerBack(): Promise<void> {
    const { time, seller } = this.#raised()
    time.expectBack('merchant')
    await this.#startMerchant(Number(new URL(seller.url).port))
    await time.back('merchant')
  }

  /** Where the chain answers now. */
  rpcUrl(): string {
    return chainOf(this.gatewayData)?.rpcUrl ?? ''
  }

  /** Ended before gateway and seller; at once, with an error, when the stage is over already. */
  endsWith(end: () => Promise<void>): void {
    this.#ends.push(end)
    if (!this.#isOver) return
    void this.stop().catch(this.#fail)
    throw new Error(IS_OVER)
  }

  /** What lies behind a failure: the death of a child is known a moment after its connections broke. */
  async causeOf(error: unknown): Promise<unknown> {
    const death = this.fault.catch((fault: unknown) => fault)
    return await Promise.race([death, wait(DEATH_KNOWN_WITHIN_MS, error)])
  }

  /** Ends what it can, whatever fails on the way; the first failure is thrown when all is done. */
  async stop(): Promise<void> {
    this.#isOver = true
    const failures: unknown[] = []
    for (const end of this.#ends.splice(0).reverse()) await end().catch((error: unknown) => failures.push(error))
    await this.#reaper.end().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }

  get #socket(): string {
    return join(this.folder, 'time.sock')
  }

  #raised(): Scene {
    if (this.#scene === undefined) throw new Error('The stage is not raised yet.')
    return this.#scene
  }

  #writeSettings(mqttPort: number, httpPort: number): void {
    const text = `mqtt:\n  port: ${mqttPort}\n${this.#settings}\nhttp: { port: ${httpPort} }\n`
    writeFileSync(join(this.gatewayData, 'adept.yaml'), text)
  }

  async #startGateway(): Promise<GatewayApi> {
    await this.#start('gateway', 'gateway/main', ['--data', this.gatewayData, '--time', this.#socket])
    return new GatewayApi(this.gatewayData)
  }

  async #startMerchant(port: number): Promise<Seller> {
    const line = await this.#start(
      'merchant',
      'gateway/merchant/main',
      [
        ['--data', this.merchantData, '--port', String(port), '--json'],
        ['--gateway-data', this.gatewayData, '--time', this.#socket],
        this.#catalogue === undefined ? [] : ['--catalogue', this.#catalogue],
      ].flat(),
    )
    return SellerReady.parse(JSON.parse(line))
  }

  async #start(name: string, script: string, args: string[]): Promise<string> {
    if (this.#isOver) throw new Error(IS_OVER)
    // The one of before would be nobody's to end, and keep us from ending.
    if (this.#children.get(name)?.runs) throw new Error(`The ${name} runs already.`)
    const child = new Child(name, join(ROOT, script + extname(import.meta.filename)), args)
    this.#children.set(name, child)
    this.#reaper.waitFor(child.pid)
    child.died().catch(this.#fail)
    return await child.ready()
  }

  async #killChain(): Promise<void> {
    const before = chainOf(this.gatewayData)
    if (before === undefined) throw new Error('The gateway has no embedded chain.')
    process.kill(before.pid, 'SIGKILL')
    for (let waitedMs = 0; waitedMs < REVIVED_WITHIN_MS; waitedMs += REVIVED_POLL_MS) {
      await wait(REVIVED_POLL_MS)
      const now = chainOf(this.gatewayData)
      if (now?.isWhole && now.pid !== before.pid && (await answers(now.rpcUrl))) return
    }
    throw new Error(`The gateway did not start its chain again within ${REVIVED_WITHIN_MS / 1000} s.`)
  }
}

/** Removes what is left, chain and folder, when the stage ends, and when this process is killed (reaper.ts). */
function startReaper(folder: string): { waitFor(pid: number): void; end(): Promise<void> } {
  const script = join(import.meta.dirname, `reaper${extname(import.meta.filename)}`)
  const reaper = spawn(process.execPath, [script, folder], {
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const exited = once(reaper, 'exit')
  reaper.stdin.on('error', () => undefined) // its exit code says what became of it
  return {
    waitFor: (pid) => void reaper.stdin.write(`${pid}\n`),
    async end() {
      reaper.stdin.end()
      const [code] = await exited
      if (code !== 0)
        throw new Error(`What is left in ${folder} could not be removed: end its processes and remove it.`)
    },
  }
}

/** The file of a node is there before it listens. */
async function answers(rpcUrl: string): Promise<boolean> {
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(rpcUrl, { method: 'POST', headers, body }).catch(() => undefined)
  return response?.ok === true
}

function chainOf(gatewayData: string): z.output<typeof ChainNode> | undefined {
  const file = join(gatewayData, 'chain', 'node.json')
  return existsSync(file) ? ChainNode.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined
}
