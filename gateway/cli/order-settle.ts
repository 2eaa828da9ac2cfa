import { Command, InvalidArgumentError } from 'commander'
import { type Context, contextOf } from './client.ts'
import { act, ORDER_ID, printTypedData } from './order-action.ts'
import type { StatusAnswer } from './status.ts'
import { localTime, minorUnits } from './text.ts'

/** `GET /v1/orders/:id/settlement`. */
type SettlementAnswer = {
  held: string
  sellersOffer?: { toSellerText: string; toPayerText: string; validBefore: number }
  sellerSays?: string
}
type SettleOptions = { toSeller?: string; validBefore?: number; typedData?: true; signature?: string }

export function settleCommand(): Command {
  return new Command('settle')
    .description('end an order by agreement with the seller: see its offer, agree to it, or make one')
    .argument('<id>', ORDER_ID)
    .option('--to-seller <amount>', 'what the seller gets, such as 5.00; the rest comes back to you')
    .option(
      '--valid-before <seconds>',
      "chain second in which the offer ends (default: the seller's when it offers as much, else in a week)",
      parseSeconds,
    )
    .option('--typed-data', 'print what a wallet of your own signs (EIP-712)')
    .option('--signature <hex>', "that wallet's signature, with the same amount and --valid-before")
    .action(async (orderId: string, options: SettleOptions, command: Command) => {
      const context = contextOf(command)
      if (options.toSeller === undefined) return showOffer(context, orderId)
      const { token } = (await context.client.get<StatusAnswer>('/v1/status')).chain
      const split = {
        toSeller: minorUnits('--to-seller', options.toSeller, token),
        validBefore: options.validBefore,
      }
      if (options.typedData) return printTypedData(context, orderId, { kind: 'Settlement', ...split }, options.toSeller)
      const by = options.signature === undefined ? { useGatewayWallet: true } : { signature: options.signature }
      await act(context, orderId, 'settle', { ...split, ...by })
    })
}

async function showOffer({ client, print }: Context, orderId: string): Promise<void> {
  const answer = await client.get<SettlementAnswer>(`/v1/orders/${encodeURIComponent(orderId)}/settlement`)
  const { held, sellersOffer, sellerSays } = answer
  const offer =
    sellersOffer === undefined
      ? `The seller has offered nothing${sellerSays === undefined ? '' : `: ${sellerSays}`}. Offer a split with --to-seller <amount>.`
      : `The seller would take ${sellersOffer.toSellerText}; ${sellersOffer.toPayerText} would come back to you. It stands until ` +
        `${localTime(sellersOffer.validBefore * 1000)}; agree with --to-seller ${sellersOffer.toSellerText.split(' ')[0]}.`
  print(answer, `${held} is held for this order. ${offer}`)
}

function parseSeconds(text: string): number {
  if (!/^\d{9,11}$/.test(text)) throw new InvalidArgumentError('Give seconds since 1970, as --typed-data printed them.')
  return Number(text)
}
