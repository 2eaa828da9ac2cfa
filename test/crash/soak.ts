/**
 * Several devices live on while processes of their home are killed at random times; by hand, for as long as wanted. The seed
 * decides who is killed and when; what that meets is up to the machine.
 */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Wallet } from 'ethers'
import { erc20 } from '../../gateway/chain/connection.ts'
import { fundGas } from '../../gateway/chain/fund-gas.ts'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { openRpc } from '../../gateway/chain/rpc.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import { Seed } from '../../gateway/lib/seed.ts'
import { HomeProcesses } from '../support/home-processes.ts'
import { BoardDevice, Bottle, startBridge } from './board-device.ts'
import { type Buyer, PRICE_MINOR_UNITS } from './buyer.ts'
import { CrashDevice } from './device.ts'
import { balanceOf, problemsOf, unfinished } from './home.ts'
import { type Victim, Victims } from './victims.ts'
import { type ChainLook, liveWeeks } from './weeks.ts'

const HELP = `npm run soak -- [options]

  --minutes <number>  how long (default 30)
  --seed <name>       of who is killed when (default 1)
  --devices <number>  that buy at the same time, beside the board (default 4)
  --weeks <number>    instead: weeks of the embedded chain, compressed, and what they take on disk and in memory
  --json              the result as JSON
  --help              this text

Kills gateway, shop, anvil, all three at once, and the bridge of a serial board at random times while devices buy, the board
among them, and checks readings, orders, money and audit at the end. Exit code 1 when anything is wrong.`

const MINUTE_MS = 60_000
/** A kill rests at least so long after the one before has been got over. */
const SHORTEST_REST_MS = 500
const LONGEST_REST_MS = 12_000
/** More than the devices of a run can spend. */
const ORDERS_PER_DEVICE = 10_000
const VICTIMS: { victim: Victim; weight: number }[] = [
  { victim: 'gateway', weight: 4 },
  { victim: 'shop', weight: 2 },
  { victim: 'anvil', weight: 2 },
  { victim: 'bridge', weight: 2 },
  { victim: 'machine', weight: 2 },
]

const LOOK_HEADER = '| blocks | state | journal | anvil | state kept in | start |\n|---|---|---|---|---|---|'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    devices: { type: 'string', default: '4' },
    weeks: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else if (values.weeks !== undefined) process.exitCode = (await weeksOfChain(Number(values.weeks))) ? 0 : 1
else process.exitCode = (await soak(Number(values.minutes), values.seed, Number(values.devices))) ? 0 : 1

async function soak(minutes: number, seedName: string, deviceCount: number): Promise<boolean> {
  if (!(minutes > 0) || !(deviceCount > 0)) throw new Error('There is nothing to do: see --help.')
  process.stderr.write(`seed ${seedName}, ${minutes} minutes, ${deviceCount} devices\n`)
  const home = await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'error' })
  const victims = new Victims(home)
  const board = new Bottle(join(home.folder, 'board-1'))
  const devices: CrashDevice[] = []
  const kills: Record<Victim, number> = { gateway: 0, shop: 0, anvil: 0, bridge: 0, machine: 0 }
  let orders = 0
  let isGood = false
  let progress: NodeJS.Timeout | undefined
  try {
    await giveTestDollars(home)
    for (let index = 0; index < deviceCount; index++) {
      devices.push(await CrashDevice.add(home, `washer-${index}`, ORDERS_PER_DEVICE))
    }
    await board.plugIn()
    await startBridge(home)
    const buyers: Buyer[] = [...devices, await BoardDevice.pair(home, 'bottle', board, ORDERS_PER_DEVICE)]
    const before = await balanceOf(home)
    const beganMs = performance.now()
    const endMs = beganMs + minutes * MINUTE_MS
    progress = setInterval(() => {
      const minute = Math.round((performance.now() - beganMs) / MINUTE_MS)
      process.stderr.write(`minute ${minute} of ${minutes}: ${lineOf(kills, orders)}\n`)
    }, MINUTE_MS)
    await Promise.all([
      killAtRandom(victims, new Seed(`soak-${seedName}`), endMs, kills),
      ...buyers.map(async (buyer) => {
        while (performance.now() < endMs) {
          await buyer.live()
          orders++
        }
      }),
    ])
    const problems = await problemsOf(home, buyers, { before, orders })
    const result = { seed: seedName, minutes, devices: deviceCount, kills, orders, problems }
    if (values.json) console.log(JSON.stringify(result, null, 2))
    else console.log([lineOf(kills, orders), ...problems].join('\n'))
    isGood = problems.length === 0
    return isGood
  } catch (error) {
    const processes = [home.gateway, home.shop, ...(home.bridge ? [home.bridge] : [])]
    for (const { lines } of processes) process.stderr.write(`${lines.slice(-20).join('\n')}\n`)
    process.stderr.write(`${unfinished(home).join('\n')}\n${Date.now()}\nseed ${seedName}: ${lineOf(kills, orders)}\n`)
    throw error
  } finally {
    clearInterval(progress)
    for (const device of devices) await device.close()
    await home.close({ keepFolder: !isGood })
    await board.unplug()
    if (!isGood) process.stderr.write(`What was stored is in ${home.folder}.\n`)
  }
}

async function weeksOfChain(weeks: number): Promise<boolean> {
  if (!(weeks > 0)) throw new Error('There is nothing to do: see --help.')
  const looks: ChainLook[] = []
  if (!values.json) console.log(LOOK_HEADER)
  const problems = await liveWeeks(weeks, (look) => {
    looks.push(look)
    if (!values.json) console.log(lineOfLook(look))
  })
  if (values.json) console.log(JSON.stringify({ weeks, looks, problems }, null, 2))
  else if (problems.length > 0) console.log(problems.join('\n'))
  return problems.length === 0
}

function lineOfLook({ blocks, stateBytes, journalBytes, anvilMiB, keepMs, startMs }: ChainLook): string {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  return `| ${blocks} | ${mb(stateBytes)} | ${mb(journalBytes)} | ${Math.round(anvilMiB)} MiB | ${Math.round(keepMs)} ms | ${Math.round(startMs)} ms |`
}

async function killAtRandom(victims: Victims, seed: Seed, endMs: number, kills: Record<Victim, number>): Promise<void> {
  for (;;) {
    await setTimeout(seed.between(SHORTEST_REST_MS, LONGEST_REST_MS))
    if (performance.now() > endMs) return
    const { victim } = seed.pick(VICTIMS)
    await victims.ready(victim)
    await victims.kill(victim)
    kills[victim]++
  }
}

/** The gift of the demo is enough for 80 orders; anyone may mint more. A clean restart then keeps the state with it. */
async function giveTestDollars(home: HomeProcesses): Promise<void> {
  const node = readNodeFile(home.folder)!
  const { payer } = await home.api<{ payer: { address: Address } }>('/v1/status')
  const minter = Wallet.createRandom()
  await fundGas(node.rpcUrl, minter.address.toLowerCase() as Address)
  const raw = await minter.signTransaction({
    type: 2,
    chainId: node.chainId,
    nonce: 0,
    to: node.token,
    data: erc20.encode('mint', [payer.address, PRICE_MINOR_UNITS * BigInt(ORDERS_PER_DEVICE)]),
    gasLimit: 200_000n,
    maxFeePerGas: 10n ** 10n,
    maxPriorityFeePerGas: 1n,
  })
  await openRpc(node.rpcUrl).send('eth_sendRawTransactionSync', [raw])
  await home.gateway.stop()
  await home.startGateway()
}

function lineOf(kills: Record<Victim, number>, orders: number): string {
  const killed = Object.entries(kills).map(([victim, count]) => `${victim} ${count}×`)
  return `${orders} orders paid once; killed: ${killed.join(', ')}`
}
