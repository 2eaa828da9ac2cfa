import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { storageProblem } from '../lib/storage-problem.ts'
import type { Chain, Head } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { HealthStore, StoreFigures } from '../ports/health.ts'
import { METRICS_TYPE, type Metric, metricsText } from './metrics.ts'

/** A part that has not answered by then is not ready; whoever asks waits 10 s as a rule. */
const PATIENCE_MS = 5_000

export type HealthPorts = {
  store: HealthStore
  /** What is known of the storage's faults: throws the sentence of one that is there now, and hears of others. */
  storage: { check(): void; hear(error: unknown): void }
  /** Resolves when the thread that stores what devices say has answered. */
  writerAnswers(): Promise<void>
  /** Whether devices are read, or wait for the disk. */
  hasRoom(): boolean
  head: Chain['head']
  clock: Clock
  version: string
}

/**
 * What a supervisor asks, without the token: `/healthz` says that the process lives, `/readyz` (200 or 503) whether each part
 * does its work, `/metrics` tells figures to Prometheus. All are found when they are asked for. There is no answer at all
 * before the schema is up to date and the chain was found.
 */
export function healthRoutes(app: FastifyInstance, ports: HealthPorts): void {
  app.get('/healthz', async () => ({ ok: true }))

  // Those who ask at once share one answer: asking is work for the disk.
  let asked: Promise<Record<string, string>> | undefined
  app.get('/readyz', async (_request, reply) => {
    asked ??= partsOf(ports).finally(() => {
      asked = undefined
    })
    const parts = await asked
    const wrong = Object.entries(parts).filter(([, state]) => state !== 'ok')
    if (wrong.length === 0) return { ready: true, parts }
    const error = `Not ready: ${wrong.map(([part, why]) => `${part}: ${why}`).join(' ')}`
    return reply.code(503).send({ error, ready: false, parts })
  })

  app.get('/metrics', async (_request, reply) => {
    const figures = await ports.store.figures(ports.clock.nowMs())
    const head = await inTime(ports.head()).catch(() => undefined)
    const metrics = [...ownMetrics(ports, figures), ...chainMetrics(ports, figures, head), ...(await processMetrics())]
    return reply.type(METRICS_TYPE).send(metricsText(metrics))
  })
}

/** `ok` or what is wrong, for each part. */
async function partsOf({ store, storage, writerAnswers, head }: HealthPorts): Promise<Record<string, string>> {
  const database = async () => {
    storage.check()
    try {
      await store.write()
    } catch (error) {
      storage.hear(error)
      throw error
    }
  }
  const parts = { database, writer: writerAnswers, chain: head }
  const states = Object.entries(parts).map(async ([part, ask]) => [part, await stateOf(ask)] as const)
  return Object.fromEntries(await Promise.all(states))
}

async function stateOf(ask: () => Promise<unknown>): Promise<string> {
  try {
    await inTime(ask())
    return 'ok'
  } catch (error) {
    return storageProblem(error)?.sentence ?? (error instanceof Error ? error.message : String(error))
  }
}

async function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${PATIENCE_MS / 1000} s.`)), PATIENCE_MS)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

function ownMetrics({ version, hasRoom }: HealthPorts, figures: StoreFigures): Metric[] {
  const { devices, orders } = figures
  const counted = (status: string) => devices.find((row) => row.status === status)?.count ?? 0
  return [
    metric('adept_build_info', 'gauge', 'The program and its Node.', [
      { labels: { version, node: process.versions.node }, value: 1 },
    ]),
    metric('adept_readings_stored_total', 'counter', 'Readings of devices that were stored.', figures.readings),
    metric('adept_dead_letters_total', 'counter', 'Messages that could not be understood.', figures.deadLetters),
    metric(
      'adept_devices',
      'gauge',
      'Devices by their connection.',
      ['online', 'offline'].map((status) => ({ labels: { status }, value: counted(status) })),
    ),
    metric(
      'adept_orders',
      'gauge',
      'Orders by their state.',
      orders.map(({ state, count }) => ({ labels: { state }, value: count })),
    ),
    metric('adept_transactions_open', 'gauge', 'Transactions without a receipt.', figures.openTransactions),
    metric('adept_notifications_due', 'gauge', 'Deliveries that wait to be sent.', figures.notificationsDue),
    metric('adept_intake_has_room', 'gauge', '0 while devices wait for the disk.', Number(hasRoom())),
  ]
}

function chainMetrics({ clock }: HealthPorts, { readUntilBlock }: StoreFigures, head: Head | undefined): Metric[] {
  const up = metric('adept_chain_up', 'gauge', 'Whether the chain answered just now.', Number(head !== undefined))
  if (head === undefined) return [up]
  const ageSeconds = Math.floor(clock.nowMs() / 1000) - head.timestampSeconds
  return [
    up,
    metric('adept_chain_head_block', 'gauge', 'Number of the latest block.', head.blockNumber),
    metric('adept_chain_head_age_seconds', 'gauge', "Our time less the chain's.", ageSeconds),
    metric(
      'adept_chain_lag_blocks',
      'gauge',
      'Blocks above the last one that was read; confirmations are part of it.',
      readUntilBlock === undefined ? [] : head.blockNumber - readUntilBlock,
    ),
  ]
}

/** Names as the Prometheus client libraries have them. */
async function processMetrics(): Promise<Metric[]> {
  const { user, system } = process.cpuUsage()
  const askedAtMs = performance.now()
  await setImmediate()
  const lagSeconds = (performance.now() - askedAtMs) / 1000
  const activeSeconds = performance.eventLoopUtilization().active / 1000
  return [
    metric('process_cpu_seconds_total', 'counter', 'CPU time of all threads.', (user + system) / 1e6),
    metric('process_resident_memory_bytes', 'gauge', 'Memory in use.', process.memoryUsage.rss()),
    metric('process_start_time_seconds', 'gauge', 'Start of the process since 1970.', performance.timeOrigin / 1000),
    metric('nodejs_eventloop_lag_seconds', 'gauge', 'Wait for a turn of the event loop, just now.', lagSeconds),
    metric('adept_eventloop_active_seconds_total', 'counter', 'Time in which the event loop worked.', activeSeconds),
  ]
}

function metric(name: string, type: Metric['type'], help: string, samples: Metric['samples'] | number): Metric {
  return { name, type, help, samples: typeof samples === 'number' ? [{ value: samples }] : samples }
}
