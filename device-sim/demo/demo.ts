import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { call, connectChain, erc20 } from '../../gateway/chain/connection.ts'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { Address } from '../../gateway/domain/identifiers.ts'
import { jsonText } from '../../gateway/lib/json.ts'
import { DRAWER_CAPACITY_ML } from '../models/demo-washer.ts'
import { type Scene, Stage } from '../stage.ts'
import { type DemoHome, type DemoHooks, moveIn } from './demo-home.ts'
import { OrderStory } from './order-story.ts'
import { type Balances, type Outcome, whatIsMissing } from './outcome.ts'
import { dateText, Story } from './story.ts'

const HELP = `Lives through some weeks of a home whose washer buys its own detergent, in seconds: the real gateway, broker, seller and
contracts, on a development chain with a test dollar. It ends by itself, with exit code 0 only if all went well.

Usage: npm run demo -- [options]

  --keep              stay up afterwards with the dashboard, until Ctrl-C
  --json              print a summary as one JSON object on the last line
  --seed <text>       another home: its weeks, its washes, its parcels (default: 1)
  --catalogue <yaml>  what the seller sells (default: the demo shop)
  --help              this text
`

const DAY_MS = 86_400_000
/** A Monday morning, always the same: only the seed makes runs differ. */
const START_MS = Date.UTC(2026, 2, 2, 6)
/** A home of three empties its drawer in about five weeks. */
const LONGEST_DAYS = 90
/** A run takes about 12 s; one on a machine that does much else, ten times as long. */
const LONGEST_REAL_MS = 240_000
const KEPT_TICK_MS = 1_000
/** A rise that no sensor's noise makes. */
const FILLED_ML = 200
/** Of a child's log, after a failure. */
const LAST_LINES = 15
const LONGEST_LOG_LINE = 400
/** States in which a purchase has come to nothing. */
const FAILED_STATES = ['dropped', 'cancelled', 'reclaimed']

const StatusAnswer = z.object({ payer: z.object({ address: Address }) })

type Options = { keep: boolean; json: boolean; seed: string; catalogue: string | undefined }
type DemoScene = Scene & DemoHome
type Purse = { symbol: string; decimals: number; balances(): Promise<Balances> }

async function main(options: Options): Promise<number> {
  const story = new Story((text) => process.stdout.write(text), process.stdout.isTTY && process.stdout.hasColors())
  const stage = new Stage()
  const interrupt = interruptSignal()
  try {
    return await play(stage, story, options, interrupt)
  } catch (error) {
    const cause = interrupt.aborted ? error : await stage.causeOf(error)
    const sentence = cause instanceof Error ? cause.message : String(cause)
    story.bad(sentence)
    if (!interrupt.aborted) {
      for (const { name, lines } of stage.children) {
        story.log(
          name,
          lines.slice(-LAST_LINES).map((line) => line.slice(0, LONGEST_LOG_LINE)),
        )
      }
    }
    if (options.json) console.log(JSON.stringify({ ok: false, missing: [sentence], seed: options.seed }))
    return 1
  } finally {
    await stage.stop()
  }
}

async function play(stage: Stage, story: Story, options: Options, interrupt: AbortSignal): Promise<number> {
  const startedAtMs = performance.now()
  const broken = Promise.race([stage.fault, refusalAt(interrupt), tooLate()])
  story.title(`A washer that buys its own detergent (seed ${options.seed}; test money on a development chain)`)
  const { scene, purse, outcome } = await Promise.race([buyOnce(stage, story, options), broken])

  story.money(outcome.before, outcome.after, purse)
  const missing = whatIsMissing(outcome)
  const ok = missing.length === 0
  const virtualDays = Math.round((scene.time.nowMs() - START_MS) / DAY_MS)
  const realSeconds = Math.round((performance.now() - startedAtMs) / 100) / 10
  for (const sentence of missing) story.bad(sentence)
  if (ok) story.good(`Ordered, paid to the unit, delivered and poured in: ${virtualDays} days in ${realSeconds} s.`)
  if (options.keep) await Promise.race([keepGoing(scene, story, interrupt), stage.fault])
  if (options.json) {
    console.log(jsonText({ ok, missing, ...outcome, virtualDays, realSeconds, seed: options.seed }))
  }
  return ok ? 0 : 1
}

/** Raises the stage and lives on it until one purchase has ended, one way or the other. */
async function buyOnce(
  stage: Stage,
  story: Story,
  { seed, catalogue }: Options,
): Promise<{ scene: DemoScene; purse: Purse; outcome: Outcome }> {
  const raised = await stage.raise({ startMs: START_MS, catalogue })
  const scene = { ...raised, ...(await moveIn(raised, stage, { seed, hooks: tellingHooks(story) })) }
  const purse = await openPurse(stage, scene)
  const before = await purse.balances()
  const orders = new OrderStory(story)
  let levelBeforeMl: number | undefined
  for (;;) {
    await scene.home.liveOn(START_MS + LONGEST_DAYS * DAY_MS)
    const newest = await scene.orders()
    orders.tell(newest)
    const [order] = newest
    if (order !== undefined) levelBeforeMl ??= await scene.levelMl()
    const ended = order !== undefined && (order.state === 'completed' || FAILED_STATES.includes(order.state))
    if (!ended && scene.time.nowMs() < START_MS + LONGEST_DAYS * DAY_MS) continue
    return {
      scene,
      purse,
      outcome: {
        order: order && {
          orderId: order.orderId,
          state: order.state,
          totalMinorUnits: order.quote?.totalMinorUnits,
          lastReason: order.steps.at(-1)?.reason ?? '',
        },
        levelBeforeMl,
        levelAfterMl: await scene.levelMl(),
        before,
        after: await purse.balances(),
      },
    }
  }
}

/** What the home does, as lines of the story. */
function tellingHooks(story: Story): DemoHooks {
  let cause = 'switched on'
  let parcelMl = 0
  let lastMl = DRAWER_CAPACITY_ML
  return {
    onMandate(readable, txHash) {
      for (const sentence of readable.split('\n')) if (sentence !== '') story.line(START_MS, 'you sign', sentence)
      if (txHash !== undefined) story.line(START_MS, 'you sign', `transaction ${txHash}`)
    },
    onReport(report) {
      if (report.topic === 'event' && report.type === 'cycle-finished') {
        cause = `${report.detail?.['program']} took ${report.detail?.['doseMl']} ml`
      }
      if (report.topic !== 'consumable') return
      if (report.remaining - lastMl > FILLED_ML) cause = `filled from the parcel of ${parcelMl} ml`
      story.level(report.measuredAtMs, cause, report.remaining, DRAWER_CAPACITY_ML)
      lastMl = report.remaining
      cause = 'as the day before'
    },
    onParcel(contentMl) {
      parcelMl = contentMl
    },
  }
}

/** Reads the three accounts between which the money moves, from the chain itself. */
async function openPurse(stage: Stage, { api, seller }: DemoScene): Promise<Purse> {
  const node = readNodeFile(stage.gatewayData)
  if (node === undefined) throw new Error('The gateway has no embedded chain.')
  const connection = await connectChain(node)
  const { token, escrow } = connection.facts
  const { payer } = await api.get('/v1/status', StatusAnswer)
  const balanceOf = async (account: Address) =>
    erc20.decodeResult('balanceOf', await call(connection, token.address, erc20.encode('balanceOf', [account])))
  return {
    ...token,
    balances: async () => ({
      payer: await balanceOf(payer.address),
      escrow: await balanceOf(escrow),
      seller: await balanceOf(seller.address),
    }),
  }
}

/** The home lives on at the pace of the wall clock. */
async function keepGoing({ time, api, home, orders }: DemoScene, story: Story, interrupt: AbortSignal): Promise<void> {
  story.good(`The dashboard: ${api.httpUrl}/#token=${api.token}`)
  story.good(`Virtual time goes on from ${dateText(time.nowMs())} at the pace of your clock. Ctrl-C ends it.`)
  const orderStory = new OrderStory(story)
  orderStory.skip(await orders())
  while (!interrupt.aborted) {
    const untilMs = time.nowMs() + KEPT_TICK_MS
    while (time.nowMs() < untilMs) await home.liveOn(untilMs)
    orderStory.tell(await orders())
    await wait(KEPT_TICK_MS, undefined, { signal: interrupt }).catch(() => undefined)
  }
}

/** Aborts at the first Ctrl-C or SIGTERM; the second ends this process at once, and with it the children. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => (controller.signal.aborted ? process.exit(1) : controller.abort())
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return controller.signal
}

async function refusalAt(interrupt: AbortSignal): Promise<never> {
  await new Promise((resolve) => interrupt.addEventListener('abort', resolve))
  throw new Error('You ended it before the purchase was complete.')
}

async function tooLate(): Promise<never> {
  await wait(LONGEST_REAL_MS, undefined, { ref: false })
  throw new Error(`It took longer than ${LONGEST_REAL_MS / 1000} s.`)
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: {
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        catalogue: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) console.log(HELP)
    else process.exitCode = await main({ ...values, catalogue: values.catalogue })
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
