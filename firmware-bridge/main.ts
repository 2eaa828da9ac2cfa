import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import pino from 'pino'
import { z } from 'zod'
import { dataFolderFrom } from '../gateway/config.ts'
import { systemClock } from '../gateway/lib/clock.ts'
import { fileProblem } from '../gateway/lib/file-problem.ts'
import { lockFolder } from '../gateway/store/lock.ts'
import { tokenFile } from '../gateway/web/token.ts'
import { Bridge } from './bridge.ts'
import { bridgeFolder, controlSocket } from './control-client.ts'
import type { BoardView } from './control-messages.ts'
import { ControlServer } from './control-server.ts'
import { Pairings } from './pairings.ts'
import { readSettings } from './settings.ts'

const STOP_WITHIN_MS = 10_000
const DEFAULT_MQTT_PORT = 1883

export type BridgeOptions = {
  /** The gateway's; the bridge's own files are in its folder `bridge`. */
  dataFolder: string
  /** In place of `ports` in `bridge.yaml`. */
  ports?: string[] | undefined
  log: pino.Logger
}
export type RunningBridge = { view(): BoardView[]; stop(): Promise<void> }

/** Joins the parts of the bridge and starts them; throws a sentence when it cannot. */
export async function startBridge({ dataFolder, ports, log }: BridgeOptions): Promise<RunningBridge> {
  const folder = bridgeFolder(dataFolder)
  const settings = readSettings(join(folder, 'bridge.yaml'))
  if (settings.mqtt.url === undefined && statSync(tokenFile(dataFolder), { throwIfNoEntry: false }) === undefined) {
    throw new Error(
      `There is no gateway in ${dataFolder}. Make one with \`adept init\`, name its folder with --data, or set mqtt.url in ${folder}/bridge.yaml.`,
    )
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = lockFolder(folder, 'A bridge')
  try {
    const bridge = new Bridge({
      patterns: { ports: ports ?? settings.ports, ignore: settings.ignore },
      baudRate: settings.baudRate,
      pairings: new Pairings(join(folder, 'boards.json')),
      clock: systemClock,
      address: () => brokerAddress(dataFolder, settings.mqtt.url),
      log,
    })
    const control = new ControlServer(bridge, controlSocket(dataFolder), (error) =>
      log.error({ err: error }, 'a request failed'),
    )
    await control.start()
    bridge.start()
    return {
      view: () => bridge.view(),
      async stop() {
        await control.stop()
        await bridge.stop()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

const RunningGateway = z.object({ mqttPort: z.int().min(1).max(65_535) })

/** As configured, else where the gateway of this data folder says it listens. */
function brokerAddress(dataFolder: string, url: string | undefined): { host: string; port: number } {
  if (url !== undefined) {
    const { hostname, port } = new URL(url)
    return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? DEFAULT_MQTT_PORT : Number(port) }
  }
  const running = RunningGateway.safeParse(jsonFile(join(dataFolder, 'gateway.json')))
  return { host: '127.0.0.1', port: running.data?.mqttPort ?? DEFAULT_MQTT_PORT }
}

function jsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined // no gateway runs yet
  }
}

type Flags = { data?: string; ports?: string[] }

function command(): Command {
  return new Command('bridge')
    .description('Serial boards as devices of the gateway: each board that is plugged in gets its own MQTT connection.')
    .option('--data <folder>', "the gateway's data folder (default: ADEPT_DATA, else ~/.adept)")
    .option('--ports <patterns...>', 'ports that may have boards, * and ? in the last part (default: bridge.yaml)')
}

async function main(): Promise<void> {
  const { data, ports } = command().parse().opts<Flags>()
  const dataFolder = dataFolderFrom(data)
  const { level } = readSettings(join(bridgeFolder(dataFolder), 'bridge.yaml')).log
  const log = pino({ level, base: null }, pino.destination({ fd: 2, sync: true }))
  const bridge = await startBridge({ dataFolder, ports, log })
  console.log(`The bridge is ready: it looks for boards, and adept board list --data ${dataFolder} shows them.`)

  const stop = () => {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
    void bridge.stop()
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(fileProblem(error) ?? (error instanceof Error ? error.message : String(error)))
    process.exitCode = 1
  })
}
