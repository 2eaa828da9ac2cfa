import { Argument, Command } from 'commander'
import { contextOf } from './client.ts'
import type { OrderAnswer } from './order.ts'
import { act } from './order-action.ts'

export function consentCommand(): Command {
  return new Command('consent')
    .description('answer an order that waits for your yes or no')
    .argument('<order>', 'its id, or the first 4 or more characters of it')
    .addArgument(new Argument('<answer>', 'yes buys at the price shown; no drops the order').choices(['yes', 'no']))
    .action(async (orderId: string, answer: string, _options: unknown, command: Command) => {
      const context = contextOf(command)
      const { order } = await context.client.get<{ order: OrderAnswer }>(`/v1/orders/${encodeURIComponent(orderId)}`)
      // The price that the answer shows is the one agreed to, even if the seller changes it in this moment.
      await act(context, order.orderId, 'consent', { answer, seenMinorUnits: order.quote?.totalMinorUnits })
    })
}
