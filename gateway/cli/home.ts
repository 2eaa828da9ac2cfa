import { Command } from 'commander'
import type { Home } from '../ports/homes.ts'
import { contextOf } from './client.ts'
import { table } from './text.ts'

export function homeCommand(): Command {
  return new Command('home')
    .description('the homes that this gateway serves')
    .addCommand(addCommand())
    .addCommand(listCommand())
}

function addCommand(): Command {
  return new Command('add')
    .description('serve one more home, or change its time zone; name it to other commands with --home')
    .argument('<id>', 'its name: a-z, 0-9 and -')
    .option('--time-zone <zone>', 'an IANA name such as Europe/Berlin', 'UTC')
    .action(async (homeId: string, { timeZone }: { timeZone: string }, command: Command) => {
      const { client, print } = contextOf(command)
      const home = await client.post<Home>('/v1/homes', { homeId, timeZone })
      print(
        home,
        `The home ${homeId} lives by ${timeZone}. Add its devices with \`adept --home ${homeId} device add <id>\`.`,
      )
    })
}

function listCommand(): Command {
  return new Command('list').description('list them').action(async (_options: unknown, command: Command) => {
    const { client, print } = contextOf(command)
    const { homes } = await client.get<{ homes: Home[] }>('/v1/homes')
    const rows = homes.map(({ homeId, timeZone }) => [homeId, timeZone])
    print(homes, table(['HOME', 'TIME ZONE'], rows, 'No home yet.'))
  })
}
