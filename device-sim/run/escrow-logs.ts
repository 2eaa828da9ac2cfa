import { Interface } from 'ethers/abi'
import { z } from 'zod'

/** What the escrow and the token say, written down here once more: checked against the chain, not against our own build. */
const EVENTS = new Interface([
  'event Authorized(bytes32 indexed authorizationId, bytes32 indexed mandateHash, address indexed seller, uint256 amount, bytes32 quoteHash)',
  'event Shipped(bytes32 indexed authorizationId, bytes32 shipment)',
  'event Captured(bytes32 indexed authorizationId, uint256 amount)',
  'event Cancelled(bytes32 indexed authorizationId, uint256 amount)',
  'event Declined(bytes32 indexed authorizationId, uint256 amount)',
  'event Reclaimed(bytes32 indexed authorizationId, uint256 amount)',
  'event Settled(bytes32 indexed authorizationId, uint256 toSeller, uint256 toPayer)',
  'event Decided(bytes32 indexed authorizationId, uint256 toSeller, uint256 toPayer)',
])
const TOKEN = new Interface([
  'event Transfer(address indexed from, address indexed to, uint256 amount)',
  'function balanceOf(address) view returns (uint256)',
])
const ANSWER_WITHIN_MS = 60_000

const Log = z.object({ topics: z.array(z.string()), data: z.string() })
const Answer = z.object({ result: z.unknown().optional(), error: z.object({ message: z.string() }).optional() })

/** One authorization as the escrow's logs tell it; amounts in token minor units. */
export type EscrowPayment = {
  authorizationId: string
  amount: bigint
  shipped: number
  /** Every log that ended it, in order: there may be one at most. */
  ends: { name: string; toSeller: bigint }[]
}

export type EscrowBooks = {
  payments: Map<string, EscrowPayment>
  /** Ids of which the escrow said something before they were authorized, or twice: none, ever. */
  strange: string[]
  /** What went into the escrow, out of it to the seller, and what is in it, by the token's own word. */
  paidIn: bigint
  paidToSeller: bigint
  inEscrow: bigint
}

/** Reads all logs of an escrow from its chain. */
export async function readEscrow(rpcUrl: string, escrow: string, token: string, seller: string): Promise<EscrowBooks> {
  const logs = await logsOf(rpcUrl, { address: escrow })
  const payments = new Map<string, EscrowPayment>()
  const strange: string[] = []
  for (const log of logs) {
    const parsed = EVENTS.parseLog(log)
    if (parsed === null) continue
    const { name, args } = parsed
    const id = String(args['authorizationId'])
    const known = payments.get(id)
    if (name === 'Authorized') {
      if (known !== undefined) strange.push(`${id} was authorized twice.`)
      payments.set(id, { authorizationId: id, amount: BigInt(args['amount']), shipped: 0, ends: [] })
    } else if (known === undefined) {
      strange.push(`${id} was ${name.toLowerCase()} but never authorized.`)
    } else if (name === 'Shipped') {
      known.shipped += 1
    } else {
      const toSeller =
        name === 'Captured' ? args['amount'] : name === 'Settled' || name === 'Decided' ? args['toSeller'] : 0n
      known.ends.push({ name, toSeller: BigInt(toSeller) })
    }
  }
  const transfers = (await logsOf(rpcUrl, { address: token })).flatMap((log) => {
    const parsed = TOKEN.parseLog(log)
    if (parsed === null || parsed.name !== 'Transfer') return []
    const { from, to, amount } = parsed.args
    return [{ from: String(from).toLowerCase(), to: String(to).toLowerCase(), amount: BigInt(amount) }]
  })
  const sum = (those: typeof transfers) => those.reduce((total, { amount }) => total + amount, 0n)
  const balance = await call(rpcUrl, 'eth_call', [
    { to: token, data: TOKEN.encodeFunctionData('balanceOf', [escrow]) },
    'latest',
  ])
  const [inEscrow] = TOKEN.decodeFunctionResult('balanceOf', z.string().parse(balance))
  const [here, shop] = [escrow.toLowerCase(), seller.toLowerCase()]
  return {
    payments,
    strange,
    paidIn: sum(transfers.filter(({ to }) => to === here)),
    paidToSeller: sum(transfers.filter(({ from, to }) => from === here && to === shop)),
    inEscrow: BigInt(inEscrow),
  }
}

async function logsOf(rpcUrl: string, filter: object) {
  return z
    .array(Log)
    .parse(await call(rpcUrl, 'eth_getLogs', [{ fromBlock: 'earliest', toBlock: 'latest', ...filter }]))
}

/** One call of the chain; throws its sentence when it refuses. */
export async function call(rpcUrl: string, method: string, params: unknown[]): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  })
  const { result, error } = Answer.parse(await response.json())
  if (error !== undefined) throw new Error(`The chain refused ${method}: ${error.message}`)
  return result
}
