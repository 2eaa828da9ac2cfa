/** What `connections.ts` measures, each a process with room for so many connections. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { newDeviceSecret } from '../../gateway/lib/device-secret.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'
import { ensureHome } from '../../gateway/store/homes.ts'
import { sqliteIntakeStore } from '../../gateway/store/intake.ts'
import { linesOf, mosquitto } from './ingest-processes.ts'

/** Files which a process has open beside its connections. */
const OTHER_FILES = 200

export type Target = { name: string; pid: number; port: number; password: string; stop(): void }
/** With its data folder. */
type GatewayTarget = Target & { data: string }

/** The whole gateway with its defaults, but for the number of connections; its devices are in the store already. */
export async function gateway(
  folder: string,
  connections: number,
  settings: Record<string, string> = {},
): Promise<GatewayTarget> {
  const data = mkdtempSync(join(folder, 'gateway-'))
  const password = await addDevices(data, connections)
  const env = {
    ADEPT_MQTT_PORT: '0',
    ADEPT_HTTP_PORT: '0',
    ADEPT_LOG_LEVEL: 'warn',
    ADEPT_MQTT_LIMITS_MAX_CONNECTIONS: String(connections + OTHER_FILES),
    ...settings,
  }
  // As `npm start` does.
  const child = startNode(
    ['--max-semi-space-size=4', 'gateway/cli/adept.mjs', 'start', '--data', data],
    connections,
    env,
  )
  const next = linesOf(child)
  while (!/gateway is ready/.test(await next()));
  const { mqttPort } = JSON.parse(readFileSync(join(data, 'gateway.json'), 'utf8')) as { mqttPort: number }
  return { name: 'gateway', pid: child.pid!, port: mqttPort, password, data, stop: () => stopGateway(child, data) }
}

/** Kills the embedded chain too: a stop in order would take longer and is not what is measured. */
function stopGateway(child: ChildProcess, data: string): void {
  child.kill('SIGKILL')
  const nodeFile = join(data, 'chain', 'node.json')
  if (!existsSync(nodeFile)) return
  const { pid } = JSON.parse(readFileSync(nodeFile, 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
}

/** Returns the password of each. */
async function addDevices(data: string, count: number): Promise<string> {
  const db = openDatabase(join(data, 'gateway.db'), 'gateway')
  ensureHome(db, { id: 'home', timeZone: 'UTC' })
  const devices = sqliteDeviceStore(db)
  const intake = sqliteIntakeStore(db)
  const { secret, secretSha256 } = newDeviceSecret()
  const slot = { slot: 'detergent', unit: 'ml', capacity: 1400, degradationDirection: 'down' } as const
  const description = { maker: 'Bench', model: 'B1', slots: [{ ...slot, replacementProducts: [] }] }
  const ids = Array.from({ length: count }, (_, index) => `bench-${index}`)
  db.exec('BEGIN')
  for (const deviceId of ids) {
    const keyAddress = `0x${'0'.repeat(40)}` as const
    await devices.add({ deviceId, homeId: 'home', secretSha256, keyAddress, keySealed: new Uint8Array(0) }, Date.now())
  }
  db.exec('COMMIT')
  await intake.commit(
    ids.map((deviceId) => ({ kind: 'description', deviceId, description, body: '' })),
    Date.now(),
  )
  db.close()
  return secret
}

export async function bareAedes(connections: number): Promise<Target> {
  const child = startNode(['test/bench/ingest-target.ts', 'aedes'], connections)
  const { port, password } = JSON.parse(await linesOf(child)()) as { port: number; password: string }
  return { name: 'aedes', pid: child.pid!, port, password, stop: () => void child.kill('SIGKILL') }
}

export async function mosquittoTarget(program: string, folder: string): Promise<Target> {
  const { child, ...target } = await mosquitto(program, folder)
  return { ...target, pid: child.pid!, stop: () => void child.kill('SIGKILL') }
}

/** Starts Node with as many open files as these connections need. */
export function startNode(args: string[], connections: number, env: Record<string, string> = {}): ChildProcess {
  const command = `ulimit -n ${connections + OTHER_FILES} && exec "$0" "$@"`
  return spawn('sh', ['-c', command, process.execPath, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
}

/** Throws a sentence when this shell does not allow as many open files. */
export function requireFiles(connections: number): void {
  const files = connections + OTHER_FILES
  const most = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim()
  if (most === 'unlimited' || Number(most) >= files) return
  throw new Error(
    `${connections} connections need ${files} open files, and this shell allows ${most}: as root, \`ulimit -Hn ${files}\`, or take fewer --connections.`,
  )
}
