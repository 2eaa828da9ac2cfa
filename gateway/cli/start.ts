import { Command } from 'commander'
import { contextOf } from './client.ts'

export function startCommand(): Command {
  return new Command('start')
    .description('run the gateway until it is stopped with Ctrl-C')
    .action(async (_options: unknown, command: Command) => {
      const { dataFolder } = contextOf(command)
      // Only this command needs the whole gateway.
      const { run } = await import('../main.ts')
      await run(dataFolder)
    })
}
