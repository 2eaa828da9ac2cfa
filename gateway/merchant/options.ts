import { Command, InvalidArgumentError } from 'commander'
import { Address } from '../domain/identifiers.ts'
import { type Desk, orderNamed, wantRefund } from './refund.ts'
import { wantDispute, wantSettlement } from './wishes.ts'

/** Where the contracts are. `gateway-data`: on the embedded chain of a gateway on this machine. */
export type ChainPlace =
  | { kind: 'gateway-data'; folder: string }
  | { kind: 'rpc'; rpcUrl: string; chainId: number; escrow: Address; token: Address }

/** The command line, parsed; numbers and addresses are checked. */
export type Flags = {
  data?: string
  port: number
  catalogue?: string
  shipAfter: number
  gatewayData?: string
  rpcUrl?: string
  chainId?: number
  escrow?: Address
  token?: Address
  maxFeeGwei: number
  time?: string
  json?: boolean
}

/** Something that a shopkeeper notes for the agent; resolves to a sentence. */
export type Deed = (desk: Desk) => Promise<string>

/** The commands: selling, which is the default, and what a shopkeeper notes beside it. */
export function command(
  sell: (flags: Flags) => Promise<void>,
  note: (deed: Deed, flags: Flags) => Promise<void>,
): Command {
  const program = new Command('merchant')
    .description('A seller: signs quotes, ships orders whose money is held on chain, and is paid when they arrive.')
    .option('--data <folder>', 'folder for its database and its sealed key (default: ~/.adept-shop)')
    .option('--port <number>', 'port of its HTTP API on 127.0.0.1; 0 takes a free one', whole(0, 65_535), 8788)
    .option('--catalogue <yaml>', 'what it sells (default: the demo shop, gateway/merchant/demo-catalogue.yaml)')
    .option('--ship-after <seconds>', 'time from the end of cooling off until it packs', whole(0, 30 * 86_400), 0)
    .option(
      '--gateway-data <folder>',
      'use the embedded chain of the gateway with this data folder (default: ADEPT_DATA, else ~/.adept)',
    )
    .option('--rpc-url <url>', 'use this chain; needs --chain-id, --escrow and --token too')
    .option('--chain-id <number>', 'id that the chain must answer with', whole(1, Number.MAX_SAFE_INTEGER))
    .option('--escrow <address>', 'the order escrow', account)
    .option('--token <address>', 'the ERC-20 token that it is paid in', account)
    .option('--max-fee-gwei <number>', 'highest fee per gas that it pays', positive, 100)
    .option('--time <socket>', "follow the simulator's virtual time over this Unix socket")
    .option('--json', 'log and report as JSON lines')
    .action(() => sell(program.opts<Flags>()))
  program
    .command('refund')
    .description('give a paid order back to its buyer, within 30 days; the agent sends it')
    .argument('<order>', 'its number, or its authorization id')
    .argument('[amount]', 'minor units of the token (default: all of it)', minorUnits)
    .action((order: string, amount?: bigint) => note((desk) => wantRefund(order, amount, desk), program.opts<Flags>()))
  program
    .command('settle')
    .description('end an order that is not paid by agreement with its buyer; the agent sends it')
    .argument('<order>', 'its number, or its authorization id')
    .argument('[amount]', 'minor units that you would take (default: what the buyer has offered)', minorUnitsOrNone)
    .option('--days <count>', 'how long your offer stands', whole(1, 90), 7)
    .action((order: string, amount: bigint | undefined, { days }: { days: number }) =>
      note(
        async (desk) => wantSettlement(await orderNamed(order, desk), { amount, validSeconds: days * 86_400 }, desk),
        program.opts<Flags>(),
      ),
    )
  program
    .command('dispute')
    .description(
      'freeze the money of a shipped order that the buyer does not confirm, within 14 days; the agent sends it',
    )
    .argument('<order>', 'its number, or its authorization id')
    .action((order: string) =>
      note(async (desk) => wantDispute(await orderNamed(order, desk), desk), program.opts<Flags>()),
    )
  return program
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

function minorUnits(text: string): bigint {
  if (/^[1-9]\d{0,28}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError('It must be a whole number of minor units.')
}

function minorUnitsOrNone(text: string): bigint {
  return text === '0' ? 0n : minorUnits(text)
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a number above 0.')
}

function account(text: string): Address {
  const parsed = Address.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError('It must be 0x and 40 hex digits.')
}

/** Throws a sentence when the flags do not name one chain; naming none means the gateway's in `ownGateway`. */
export function chainPlace(flags: Flags, ownGateway: string): ChainPlace {
  const { gatewayData, rpcUrl, chainId, escrow, token } = flags
  const others = [rpcUrl, chainId, escrow, token].filter((flag) => flag !== undefined).length
  if (others === 0) return { kind: 'gateway-data', folder: gatewayData ?? ownGateway }
  if (
    gatewayData === undefined &&
    rpcUrl !== undefined &&
    chainId !== undefined &&
    escrow !== undefined &&
    token !== undefined
  ) {
    return { kind: 'rpc', rpcUrl, chainId, escrow, token }
  }
  throw new Error('Say which chain: either --gateway-data, or --rpc-url with --chain-id, --escrow and --token.')
}
