import { Command, InvalidArgumentError } from 'commander'
import { contextOf } from './client.ts'
import { slotPath } from './rules.ts'

export function stockCommand(): Command {
  return new Command('stock').description('say what you have on the shelf').addCommand(setCommand())
}

function setCommand(): Command {
  return new Command('set')
    .description('set the stock beside a slot; what is in the slot itself does not count')
    .argument('<device/slot>', 'such as washer-1/detergent')
    .argument('<amount>', "in the slot's unit, such as 1400 for one pack of 1400 ml", parseAmount)
    .action(async (at: string, amount: number, _options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.post<{ sentence: string }>(`${slotPath(at)}/stock`, { amount })
      print(answer, answer.sentence)
    })
}

function parseAmount(text: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError('Give a number of 0 or more.')
  return Number(text)
}
