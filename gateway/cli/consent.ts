import { Argument, Command } from 'commander'
import { contextOf } from './client.ts'
import { act } from './order.ts'

export function consentCommand(): Command {
  return new Command('consent')
    .description('answer an order that waits for your yes or no')
    .argument('<order>', 'its id, or the first 4 or more characters of it')
    .addArgument(new Argument('<answer>', 'yes buys at the price shown; no drops the order').choices(['yes', 'no']))
    .action(async (orderId: string, answer: string, _options: unknown, command: Command) =>
      act(contextOf(command), orderId, 'consent', { answer }),
    )
}
