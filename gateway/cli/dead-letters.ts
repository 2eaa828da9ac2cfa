import { Command } from 'commander'
import type { DeadLetterView } from '../ports/devices.ts'
import { contextOf } from './client.ts'
import { localTime, parseCount, table } from './text.ts'

const SHOWN_PAYLOAD = 120

export function deadLettersCommand(): Command {
  return new Command('dead-letters')
    .description('show messages that could not be understood, and why')
    .option('--limit <count>', 'how many', parseCount, 20)
    .action(async (options: { limit: number }, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.get<{ deadLetters: DeadLetterView[] }>(`/v1/dead-letters?limit=${options.limit}`)
      const rows = answer.deadLetters.map((letter) => [
        localTime(letter.receivedAtMs),
        letter.topic,
        letter.reason.replace(/\s+/g, ' '),
        shortened(letter.payloadText),
      ])
      print(
        answer.deadLetters,
        table(['RECEIVED', 'TOPIC', 'REASON', 'PAYLOAD'], rows, 'No message was misunderstood.'),
      )
    })
}

function shortened(text: string): string {
  return text.length <= SHOWN_PAYLOAD ? text : `${text.slice(0, SHOWN_PAYLOAD - 1)}…`
}
