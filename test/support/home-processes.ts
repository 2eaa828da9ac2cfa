import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Two seconds on a quiet machine; one that is shared by many has taken 40. */
const READY_TIMEOUT_MS = 90_000
/** Rests double while processes are killed over and over, on a machine under load. */
const UNTIL_TIMEOUT_MS = 180_000
const STOP_TIMEOUT_MS = 15_000
/** Lines of a child's log that are kept to explain a failure. */
const KEPT_LINES = 200

/** As `npm start` does. */
const START = ['--max-semi-space-size=4', 'gateway/cli/adept.mjs', 'start']

/** What these homes order by: their days pass in seconds, which no forecast could take for use. */
const RULES = `
rules:
  - name: below a fifth
    when: { level: { below: 20 % } }
    then: { order: { packs: 1 } }
`

/** A process of the product, and what it said. */
export type Running = { child: ChildProcess; lines: string[]; stop(): Promise<void>; kill(): Promise<void> }

/** A home of real processes: gateway with its embedded chain, and a shop that ships at once. */
export class HomeProcesses {
  readonly folder: string
  readonly #env: Record<string, string>
  gateway!: Running
  shop!: Running
  /** Only of a home with boards. */
  bridge: Running | undefined
  shopUrl = ''
  readyMs = 0

  /** How the shop finds its chain. */
  readonly #shopChain: string[]

  private constructor(env: Record<string, string>, shopChain: string[] | undefined, parent: string) {
    this.folder = mkdtempSync(join(parent, 'adept-home-'))
    this.#env = env
    this.#shopChain = shopChain ?? ['--gateway-data', this.folder]
  }

  /** `parent` is where its data folder is made. */
  static async start(
    env: Record<string, string> = {},
    shopChain?: string[] | 'no shop',
    parent = tmpdir(),
  ): Promise<HomeProcesses> {
    const [mqttPort, httpPort] = await freePorts(2)
    const home = new HomeProcesses(
      {
        ADEPT_MQTT_PORT: String(mqttPort),
        ADEPT_HTTP_PORT: String(httpPort),
        ADEPT_DATA: '',
        ...env,
      },
      shopChain === 'no shop' ? undefined : shopChain,
      parent,
    )
    try {
      writeFileSync(join(home.folder, 'rules.yaml'), RULES)
      await home.startGateway()
      if (shopChain !== 'no shop') await home.startShop()
    } catch (error) {
      await home.close()
      throw error
    }
    return home
  }

  async startGateway(): Promise<void> {
    const startedAt = performance.now()
    this.gateway = run([...START, '--data', this.folder], this.#env)
    await said(this.gateway, /gateway is ready/)
    this.readyMs = performance.now() - startedAt
  }

  /** A shop that was here before keeps its port and its data. */
  async startShop(): Promise<void> {
    const port = this.shopUrl === '' ? '0' : new URL(this.shopUrl).port
    const data = join(this.folder, 'shop')
    this.shop = run(['gateway/merchant/main.ts', '--data', data, ...this.#shopChain, '--port', port], {})
    const line = await said(this.shop, /sells at (\S+)/)
    this.shopUrl = /sells at (\S+)/.exec(line)?.[1] ?? ''
  }

  /** Serves the serial boards at the ports that match the pattern. */
  async startBridge(ports: string): Promise<void> {
    this.bridge = run(['firmware-bridge/main.ts', '--data', this.folder, '--ports', ports], {})
    await said(this.bridge, /bridge is ready/)
  }

  get running(): { httpUrl: string; mqttPort: number; pid: number } {
    return JSON.parse(readFileSync(join(this.folder, 'gateway.json'), 'utf8')) as {
      httpUrl: string
      mqttPort: number
      pid: number
    }
  }

  /** One call of the gateway's API; throws with its sentence when it refuses. */
  async api<Answer>(path: string, body?: unknown): Promise<Answer> {
    return JSON.parse(await this.#call(path, body)) as Answer
  }

  /** What `adept audit` says at its end. */
  async audit(): Promise<{ differing: number; unread: number; first?: { why: string } }> {
    const lines = (await this.#call('/v1/audit', {})).trim().split('\n')
    return JSON.parse(lines.at(-1) ?? '') as Awaited<ReturnType<HomeProcesses['audit']>>
  }

  async #call(path: string, body: unknown): Promise<string> {
    const token = readFileSync(join(this.folder, 'token'), 'utf8').trim()
    const response = await fetch(this.running.httpUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.ok) return text
    const { error } = JSON.parse(text) as { error?: string }
    throw new Error(`${path}: ${error ?? response.status}`)
  }

  /** Calls until it is as wanted; the bound is generous because the machine may be slow. */
  async until<Value>(look: () => Promise<Value>, isWanted: (value: Value) => boolean, pauseMs = 50): Promise<Value> {
    const deadlineMs = performance.now() + UNTIL_TIMEOUT_MS
    for (;;) {
      const value = await look()
      if (isWanted(value)) return value
      if (performance.now() > deadlineMs) throw new Error(`Waited in vain; the last look: ${JSON.stringify(value)}`)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** Ends all processes, the embedded chain with its gateway, and removes the folder unless it is to be looked at. */
  async close({ keepFolder = false } = {}): Promise<void> {
    await this.bridge?.stop()
    await this.shop?.stop()
    await this.gateway?.stop()
    const nodeFile = join(this.folder, 'chain', 'node.json')
    if (existsSync(nodeFile)) {
      const { pid } = JSON.parse(readFileSync(nodeFile, 'utf8')) as { pid: number }
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
    if (!keepFolder) rmSync(this.folder, { recursive: true, force: true })
  }
}

function run(args: string[], env: Record<string, string>): Running {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream! }).on('line', (line) => {
      lines.push(line)
      if (lines.length > KEPT_LINES) lines.shift()
    })
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }
  return { child, lines, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}

/** The first line that matches; throws with all that was said when the process ends or stays silent instead. */
async function said(running: Running, pattern: RegExp): Promise<string> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  for (;;) {
    const line = running.lines.find((one) => pattern.test(one))
    if (line !== undefined) return line
    if (running.child.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`It did not say ${pattern}:\n${running.lines.join('\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
