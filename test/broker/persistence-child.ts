/** The broker with its writer thread over the database of argv[2], as a process to kill. Publishes what stdin says. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import pino from 'pino'
import { createBroker } from '../../gateway/broker/broker.ts'
import { createListeners } from '../../gateway/broker/listeners.ts'
import { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import { deviceRights } from '../../gateway/broker/rights.ts'
import { createIntake } from '../../gateway/ingest/intake.ts'
import { startWriter } from '../../gateway/ingest/thread.ts'
import { systemClock as clock } from '../../gateway/lib/clock.ts'
import { sqliteBrokerState } from '../../gateway/store/broker-state.ts'
import { openDatabase } from '../../gateway/store/database.ts'
import { sqliteDeviceStore } from '../../gateway/store/devices.ts'

const file = process.argv[2]!
const db = openDatabase(file, 'gateway')
const log = pino({ level: 'silent' })
const writer = await startWriter(file, (fault) => {
  throw fault
})
const intake = createIntake({ writer: writer.port, clock, log, onCommitted: () => undefined })
const rights = deviceRights(sqliteDeviceStore(db))
const persistence = new BrokerPersistence({
  clock,
  state: sqliteBrokerState(db).load(clock.nowMs()),
  write: intake.keep,
  maySubscribe: rights.subscribe,
  log,
})
const broker = createBroker({ rights, intake, log, persistence })
const listeners = createListeners({ host: '127.0.0.1', port: 0, accept: (connection) => broker.accept(connection) })
await broker.start()
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
say({ port: (await listeners.start()).port })

const input = createInterface({ input: process.stdin })
input.on('line', (line) => {
  const { deviceId, name, body, retain } = JSON.parse(line)
  void broker.publish(deviceId, name, body, { retain }).then(() => say({ kept: body }))
})
// Nobody is left to kill it.
await once(input, 'close')
process.exit()
