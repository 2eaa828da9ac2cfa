import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { Notification } from '../domain/notification.ts'
import { CliError, type Client, contextOf } from './client.ts'
import { localTime, parseCount } from './text.ts'

const RECONNECT_MS = 2_000

export function feedCommand(): Command {
  return new Command('feed')
    .description('show what the gateway told you, newest last')
    .option('--limit <count>', 'how many', parseCount, 20)
    .option('--follow', 'stay, and show what comes; one JSON object a line with --json')
    .action(async (options: { limit: number; follow?: true }, command: Command) => {
      const { client, json, print } = contextOf(command)
      const answer = await client.get<{ feed: Notification[] }>(`/v1/feed?limit=${options.limit}`)
      if (options.follow === undefined)
        return print(answer.feed, answer.feed.map(line).join('\n') || 'Nothing was told yet.')
      for await (const entry of follow(client, answer.feed)) console.log(json ? JSON.stringify(entry) : line(entry))
    })
}

function line(entry: Notification): string {
  return `${localTime(entry.atMs)}  ${entry.text}`
}

/** The entries so far and then each new one, over restarts of the gateway too. */
async function* follow(client: Client, soFar: Notification[]): AsyncGenerator<Notification, never> {
  yield* soFar
  let after = soFar.at(-1)?.notificationId ?? 0
  let lastSaid = ''
  for (;;) {
    let said = 'The gateway stopped. Waiting for it; Ctrl-C ends this.'
    try {
      for await (const entry of entriesOf(client.stream(`/v1/feed/stream?after=${after}`))) {
        yield entry
        after = entry.notificationId
        lastSaid = ''
      }
    } catch (error) {
      if (error instanceof CliError) said = error.message
      // A connection that breaks is a TypeError of fetch: the gateway stopped at once.
      else if (!(error instanceof TypeError)) throw error
    }
    if (said !== lastSaid) console.error(said)
    lastSaid = said
    await sleep(RECONNECT_MS)
  }
}

/** Server-sent events: blocks that end with an empty line; ours have one `data` line each. */
async function* entriesOf(chunks: AsyncIterable<string>): AsyncGenerator<Notification> {
  let text = ''
  for await (const chunk of chunks) {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop()!
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) yield JSON.parse(data) as Notification
    }
  }
}
