/**
 * `kill -9` at each point of the line, in real processes, watched from outside: the gateway's rows (read only) and the chain.
 * After the restart the order must go on by itself: one order per need, every acknowledged reading kept, all money where it
 * belongs.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { HomeProcesses } from '../support/home-processes.ts'
import { CrashDevice } from './device.ts'

const HELP = `npm run test:crash -- [--rounds 20] [--point <name>]

Kills a process with SIGKILL at each point of the line, restarts it, and checks what became of readings, order and money.
Exit code 1 when a round ends otherwise than it must.`

const PRICE_MINOR_UNITS = 12_490_000n

type Victim = 'gateway' | 'shop'
/** Where a round kills: as soon as the rows show it. */
const POINTS: { name: string; victim: Victim; sql: string }[] = [
  {
    name: 'reading stored',
    victim: 'gateway',
    sql: 'SELECT 1 FROM readings JOIN sessions USING (session_key) WHERE device_id = ? AND remaining < 280',
  },
  { name: 'order needed', victim: 'gateway', sql: 'SELECT 1 FROM orders WHERE device_id = ?' },
  {
    name: 'quote stored',
    victim: 'gateway',
    sql: 'SELECT 1 FROM quotes JOIN orders USING (order_id) WHERE device_id = ?',
  },
  {
    name: 'authorization saved',
    victim: 'gateway',
    sql: 'SELECT 1 FROM authorizations JOIN orders USING (order_id) WHERE device_id = ?',
  },
  {
    name: 'funds held',
    victim: 'gateway',
    sql: `SELECT 1 FROM orders WHERE device_id = ? AND state IN ('authorized', 'due')`,
  },
  {
    name: 'funds held',
    victim: 'shop',
    sql: `SELECT 1 FROM orders WHERE device_id = ? AND state IN ('authorized', 'due')`,
  },
  { name: 'shipped', victim: 'gateway', sql: `SELECT 1 FROM orders WHERE device_id = ? AND state = 'shipped'` },
  { name: 'delivered', victim: 'gateway', sql: `SELECT 1 FROM orders WHERE device_id = ? AND state = 'delivered'` },
  {
    name: 'confirmation saved',
    victim: 'gateway',
    sql: `SELECT 1 FROM seller_messages JOIN orders USING (order_id) WHERE device_id = ? AND kind = 'confirmation'`,
  },
  {
    name: 'confirmation saved',
    victim: 'shop',
    sql: `SELECT 1 FROM seller_messages JOIN orders USING (order_id) WHERE device_id = ? AND kind = 'confirmation'`,
  },
]

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, point: { type: 'string' }, help: { type: 'boolean' } },
})
if (values.help) console.log(HELP)
else process.exitCode = (await crash(Number(values.rounds), values.point)) ? 0 : 1

async function crash(rounds: number, only: string | undefined): Promise<boolean> {
  const points = POINTS.filter((point) => only === undefined || point.name === only)
  if (points.length === 0) throw new Error(`There is no point "${only}".`)
  const table: string[] = []
  let failures = 0
  const home = await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'error' })
  try {
    for (const [index, point] of points.entries()) {
      let good = 0
      for (let round = 0; round < rounds; round++) {
        const problems = await oneRound(home, point, `washer-${index}-${round}`)
        if (problems.length === 0) good++
        else console.error(`${point.name}, ${point.victim} killed, round ${round + 1}: ${problems.join(' ')}`)
      }
      failures += rounds - good
      const row = `${point.victim.padEnd(8)} ${point.name.padEnd(20)} ${String(good).padStart(3)} of ${rounds} rounds as they must`
      table.push(row)
      console.log(row)
    }
  } catch (error) {
    console.error(home.gateway.lines.slice(-20).join('\n'))
    throw error
  } finally {
    await home.close()
  }
  console.log(`\n${points.length * rounds - failures} passed, ${failures} failed`)
  return failures === 0
}

/** One device's whole story with one kill in it; resolves to what is wrong at the end. */
async function oneRound(home: HomeProcesses, point: (typeof POINTS)[number], deviceId: string): Promise<string[]> {
  const device = await CrashDevice.add(home, deviceId)
  const before = await balanceOf(home)
  const killed = killAt(home, point, deviceId)
  try {
    await device.runLow()
    await device.until('shipped')
    await device.refill()
    await device.received()
    await device.until('completed')
    await killed
    const spent = before - (await balanceOf(home))
    return [
      ...device.lostReadings(),
      ...(device.orderCount() === 1 ? [] : [`There are ${device.orderCount()} orders, not one.`]),
      ...(spent === PRICE_MINOR_UNITS ? [] : [`${spent} minor units were spent, not ${PRICE_MINOR_UNITS}.`]),
    ]
  } finally {
    await killed
    await device.close()
  }
}

/** Watches the rows from outside, kills at once when they show the point, and starts the process again. */
async function killAt(home: HomeProcesses, point: (typeof POINTS)[number], deviceId: string): Promise<void> {
  const db = new Database(join(home.folder, 'gateway.db'), { readonly: true })
  try {
    const reached = db.prepare(point.sql)
    await home.until(
      async () => reached.get(deviceId),
      (row) => row !== undefined,
      1,
    )
  } finally {
    db.close()
  }
  if (point.victim === 'gateway') {
    await home.gateway.kill()
    await home.startGateway()
  } else {
    await home.shop.kill()
    await home.startShop()
  }
}

async function balanceOf(home: HomeProcesses): Promise<bigint> {
  const { payer } = await home.api<{ payer: { balance: string } }>('/v1/status')
  return BigInt(payer.balance)
}
