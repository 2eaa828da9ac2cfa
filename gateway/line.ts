import { join } from 'node:path'
import { type OpenBroker, openBroker } from './broker/open-broker.ts'
import { settleWorker } from './chain/sender.ts'
import { formatMoney } from './domain/money.ts'
import type { Ground } from './ground.ts'
import type { Answer } from './ingest/batch.ts'
import { createIntake } from './ingest/intake.ts'
import { retentionWorker } from './ingest/retention.ts'
import { systemClock } from './lib/clock.ts'
import { Scheduler } from './lib/scheduler.ts'
import { logTailWorker } from './notify/log-tail.ts'
import { webhookNotifier } from './notify/webhook.ts'
import { notifyWorker } from './notify/worker.ts'
import { sellerMessageWorker } from './orders/seller-messages.ts'
import { sellersOfferWorker } from './orders/sellers-offers.ts'
import { strayFundsWorker } from './orders/stray-funds.ts'
import { watchWorker } from './orders/watch.ts'
import { orderWorker } from './orders/worker.ts'
import type { RulesDesk } from './ports/rules.ts'
import { commandAnswers, commandWorker } from './rules/commands.ts'
import { openRules } from './rules/open-rules.ts'
import { sqliteBrokerState } from './store/broker-state.ts'
import { sqliteCommandStore } from './store/commands.ts'
import { sqliteDeliveryStore } from './store/feed.ts'
import { sqliteLogTail } from './store/log-tail.ts'
import { sqliteOnboardingStore } from './store/onboarding.ts'
import { sqliteRetentionStore } from './store/retention.ts'
import { sqliteRulesStores } from './store/rules-stores.ts'
import { sqliteSellerMessageStore } from './store/seller-messages.ts'
import { sqliteSellersOfferStore } from './store/sellers-offers.ts'
import { sqliteStrayFundsStore } from './store/stray-funds.ts'
import { sqliteWatchStore } from './store/watch.ts'
import type { Command } from './wire/messages.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** Polling is what makes the line right; nudges make it fast. */
const POLL_MS = 1_000

/** The stages from the device to the notification, joined; none runs before `door` and `scheduler` are started. */
export type Line = {
  /** The broker with its listeners: where devices come in. */
  door: OpenBroker
  intake: ReturnType<typeof createIntake>
  rules: { desk: RulesDesk }
  scheduler: Scheduler
  /** Makes what wakes these stages, and the homeowner's live view: speed only. */
  nudge(...stages: string[]): () => void
}

/** `onMoved` is told whenever a stage did something that the homeowner may want to see. */
export async function openLine(ground: Ground, onMoved: () => void): Promise<Line> {
  const { dataFolder, config, db, channels, clock, log, onFault, devices, mandates, keyring, seller, signer } = ground
  const { chain, watch, senders } = ground.opened
  const nudge =
    (...stages: string[]) =>
    () => {
      for (const stage of stages) scheduler.nudge(stage)
      onMoved()
    }

  // broker and ingest
  const commands = sqliteCommandStore(db, channels)
  const intake = createIntake({
    writer: ground.writer,
    maxWaitingMessages: config.mqtt.limits.maxWaitingMessages,
    clock,
    log,
    onCommitted(receipts) {
      broker.sendReceipts(receipts)
      scheduler.nudge('rules')
      scheduler.nudge('orders')
    },
    onCommandResult: commandAnswers({ store: commands, clock, onFault }),
  })
  void ground.writerLost.then((fault) => {
    intake.fail(fault)
    ground.onLost(fault)
  })
  const door = openBroker({
    dataFolder,
    settings: config.mqtt,
    name: `ADEPT ${config.home.id}`,
    devices,
    onboarding: sqliteOnboardingStore(db, channels),
    deviceKeys: keyring,
    mandates,
    revoke: ground.verbs.revoke,
    intake,
    state: { kept: sqliteBrokerState(db).load(clock.nowMs()), write: intake.keep },
    clock,
    certificateClock: systemClock,
    log,
    onFault,
  })
  const { broker } = door
  ground.writer.on('message', ({ faults }: Answer) => {
    const [first] = faults
    if (first === undefined) return
    broker.excuse()
    if (first.problem !== undefined) ground.storage.refused(first.problem)
  })

  // rules, orders, watch, notify
  const rules = await openRules({
    stores: sqliteRulesStores(db, channels),
    file: join(dataFolder, 'rules.yaml'),
    token: chain.facts.token,
    clock,
    program: ground.version,
    onDecided: nudge('orders', 'notify', 'commands'),
  })
  const formatAmount = (minorUnits: bigint) => formatMoney(minorUnits, chain.facts.token)
  const retentionLimits = {
    rawMs: config.retention.rawDays * DAY_MS,
    rawReadings: config.retention.rawReadings,
  }
  const stages = [
    rules.worker,
    commandWorker({
      store: commands,
      tell: (deviceId, command) => broker.publish(deviceId, 'command', command as Command),
      clock,
    }),
    orderWorker({
      store: ground.orders,
      chain,
      seller,
      signer,
      limits: rules.limits,
      clock,
      inspectionMs: config.orders.inspectionHours * HOUR_MS,
      onMoved: nudge('watch', 'seller-messages', 'notify'),
    }),
    sellerMessageWorker({ store: sqliteSellerMessageStore(db, channels), seller, clock }),
    watchWorker({
      store: sqliteWatchStore(db, channels, formatAmount),
      chain: watch,
      clock,
      onMoved: nudge('rules', 'orders', 'transactions', 'stray-funds', 'seller-messages', 'notify'),
    }),
    strayFundsWorker({ store: sqliteStrayFundsStore(db, channels), chain, signer, clock }),
    sellersOfferWorker({ store: sqliteSellersOfferStore(db, channels), chain, seller, clock }),
    settleWorker(senders),
    retentionWorker({
      store: sqliteRetentionStore(db, retentionLimits),
      clock,
      ...(ground.isVirtual && { restTimes: 0 }),
    }),
    notifyWorker({
      store: sqliteDeliveryStore(db),
      notifier: config.notify.webhookUrl === undefined ? undefined : webhookNotifier(config.notify.webhookUrl),
      quietUntil: rules.quietUntil,
      async tellDevice({ deviceId, slot, orderId, state, stateChangedAtMs }) {
        const message = { slot, orderId, state, sinceMs: stateChangedAtMs }
        await broker.publish(deviceId, 'order', message, { retain: true })
      },
      clock,
    }),
  ]
  const { storage } = ground
  stages.push(logTailWorker(sqliteLogTail(db), (about, text) => log.info(about, text)))
  const scheduler = new Scheduler([...stages.map((stage) => storage.resting(stage)), storage.worker], {
    clock,
    pollMs: POLL_MS,
    onFault(worker, error) {
      log.error({ worker, err: error }, 'a stage failed and tries again')
      storage.hear(error)
    },
  })
  return { door, intake, rules, scheduler, nudge }
}
