/**
 * Orders placed per second against anvil (automine): the gateway's own way, batches of 50 through its sender with its database,
 * beside a careful sender with one order per transaction. A batch is of one household with five devices. All orders are signed before. Rounds alternate; the figures are medians.
 */
import { parseArgs } from 'node:util'
import { id, JsonRpcProvider, SigningKey, Wallet } from 'ethers'
import { encodeAuthorize } from '../../gateway/chain/baskets.ts'
import { fundGas } from '../../gateway/chain/fund-gas.ts'
import type { Address } from '../../gateway/domain/identifiers.ts'
import { median, QUIET_CORES, round2, watchOthers } from './cpu.ts'
import { openTown, type SignedOrder, type Town } from './town.ts'

const BATCH = 50
const BATCHES_IN_FLIGHT = 4
const SINGLES_IN_FLIGHT = 100
const HOUSEHOLDS = 10
const DEVICES = 5
const AUTHORIZED = id('Authorized(bytes32,bytes32,address,uint256,bytes32)')
const FEES = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n }

const HELP = `Usage: npm run bench:orders -- [--rounds 5] [--batches 20] [--singles 300] [--json]

Places signed orders on a chain of their own and prints ordersPerSecond and ratioToOneByOne.
--json prints one line at the end: {"bench":"orders","figures":{…}}`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    batches: { type: 'string', default: '20' },
    singles: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) console.log(HELP)
else await bench(atLeastOne(options.rounds), atLeastOne(options.batches), atLeastOne(options.singles))

async function bench(rounds: number, batches: number, singles: number): Promise<void> {
  const devices = Array.from({ length: HOUSEHOLDS }, () => DEVICES)
  await using town = await openTown({ devices, sellers: 1, merkleDepth: 4, seed: 'orders' })
  await using single = await singleSender(town)
  const measured: { together: number; oneByOne: number; otherCpuCores: number }[] = []
  // Round 0 warms the compilers up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const others = watchOthers([process.pid, town.anvil.pid])
    const ways = [
      async () => ({ together: await rateOf(town, batches * BATCH, (orders) => sendTogether(town, orders)) }),
      async () => ({ oneByOne: await rateOf(town, singles, single.send) }),
    ]
    if (round % 2 === 1) ways.reverse()
    const rates = { together: 0, oneByOne: 0 }
    for (const way of ways) Object.assign(rates, await way())
    if (round === 0) continue
    measured.push({ ...rates, otherCpuCores: others() })
    if (!options.json) {
      const { together, oneByOne } = rates
      console.log(
        `round ${round}  ${together} orders/s in batches of ${BATCH}, ${oneByOne} one by one; others used ${measured.at(-1)!.otherCpuCores} cores`,
      )
    }
  }
  const figures = {
    ordersPerSecond: median(measured.map(({ together }) => together)),
    oneByOnePerSecond: median(measured.map(({ oneByOne }) => oneByOne)),
    ratioToOneByOne: round2(median(measured.map(({ together, oneByOne }) => together / oneByOne))),
    otherCpuCores: median(measured.map(({ otherCpuCores }) => otherCpuCores)),
  }
  console.log(options.json ? JSON.stringify({ bench: 'orders', figures }) : figures)
  if (figures.otherCpuCores > QUIET_CORES) {
    console.error(`Other processes used ${figures.otherCpuCores} cores: the figures hold only below ${QUIET_CORES}.`)
  }
}

/** Orders per second from the first to the last receipt; every one of them must be on chain. */
async function rateOf(town: Town, count: number, send: (orders: SignedOrder[]) => Promise<void>): Promise<number> {
  const orders = Array.from({ length: count }, (_, index) => {
    const household = town.households[Math.floor(index / BATCH) % HOUSEHOLDS]!
    return town.signOrder(household.devices[index % DEVICES]!, 0)
  })
  const fromBlock = (await town.chain.head()).blockNumber + 1
  const beganAt = performance.now()
  await send(orders)
  const seconds = (performance.now() - beganAt) / 1000
  const logs = await town.anvil.provider.getLogs({ fromBlock, toBlock: 'latest', topics: [AUTHORIZED] })
  if (logs.length !== count) throw new Error(`Of ${count} orders only ${logs.length} are on chain.`)
  return Math.round(count / seconds)
}

/** As the order worker sends: one basket per payer, the transaction saved before it is sent, receipts looked up by `settle`. */
async function sendTogether({ chain, relayer, save }: Town, orders: SignedOrder[]): Promise<void> {
  const waiting = Array.from({ length: Math.ceil(orders.length / BATCH) }, (_, index) =>
    orders.slice(index * BATCH, (index + 1) * BATCH),
  )
  const lane = async () => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      const baskets = [...Map.groupBy(batch, ({ terms }) => terms.payer).values()]
      await chain.authorize(
        baskets.map((basket) => basket.map(({ item }) => item)),
        save,
      )
    }
  }
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, lane))
  while ((await relayer.settle()).nextDueAtMs !== undefined);
}

/** Explicit nonces, fixed fees and gas, a static network, many in flight: what a careful programmer does with ethers. */
async function singleSender(town: Town) {
  const key = new SigningKey(id('one by one'))
  const chainId = town.chain.facts.chainId
  const provider = new JsonRpcProvider(town.anvil.rpcUrl, chainId, { staticNetwork: true, cacheTimeout: -1 })
  const wallet = new Wallet(key, provider)
  await fundGas(town.anvil.rpcUrl, wallet.address as Address)
  let nextNonce = 0
  return {
    async send(orders: SignedOrder[]): Promise<void> {
      const waiting = [...orders]
      const lane = async () => {
        for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
          const call = encodeAuthorize([order.item])
          const transaction = { to: town.chain.facts.escrow, ...call, type: 2, chainId, nonce: nextNonce++, ...FEES }
          const { hash } = await wallet.sendTransaction(transaction)
          while ((await provider.getTransactionReceipt(hash)) === null);
        }
      }
      await Promise.all(Array.from({ length: SINGLES_IN_FLIGHT }, lane))
    },
    async [Symbol.asyncDispose]() {
      provider.destroy()
    },
  }
}

function atLeastOne(text: string): number {
  return Math.max(1, Math.floor(Number(text)) || 1)
}
