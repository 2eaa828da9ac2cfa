import { Command, CommanderError } from 'commander'
import { ConfigError } from '../config.ts'
import { fileProblem } from '../lib/file-problem.ts'
import { ownVersion } from '../lib/version.ts'
import { auditCommand } from './audit.ts'
import { backupCommand, restoreCommand } from './backup.ts'
import { boardCommand } from './board.ts'
import { CliError } from './client.ts'
import { consentCommand } from './consent.ts'
import { deadLettersCommand } from './dead-letters.ts'
import { deviceCommand } from './device.ts'
import { devicesCommand } from './devices.ts'
import { doctorCommand } from './doctor.ts'
import { feedCommand } from './feed.ts'
import { homeCommand } from './home.ts'
import { initCommand } from './init.ts'
import { mandateCommand } from './mandate.ts'
import { orderCommand } from './order.ts'
import { ordersCommand } from './orders.ts'
import { readingsCommand } from './readings.ts'
import { replayCommand } from './replay.ts'
import { rulesCommand } from './rules.ts'
import { serviceCommand } from './service.ts'
import { simCommand } from './sim.ts'
import { startCommand } from './start.ts'
import { statusCommand } from './status.ts'
import { stockCommand } from './stock.ts'

/** Exit codes: 0 done; 1 refused, or the gateway does not answer; 2 the command was not understood; 3 the database is damaged. */
const MISUSE = 2
const DAMAGED = 3

/** Runs one command; the process's exit code tells how it went. */
export async function runAdept(args: readonly string[]): Promise<void> {
  // A reader such as `head` may leave before all is written.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    console.error(`The answer cannot be written: ${error.code === 'ENOSPC' ? 'the disk is full' : error.message}.`)
    process.exit(1)
  })
  try {
    await program().parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : MISUSE
      return
    }
    console.error(fileProblem(error) ?? (error instanceof Error ? error.message : String(error)))
    process.exitCode = exitCodeOf(error)
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode
  if (error instanceof ConfigError) return MISUSE
  return error instanceof Error && error.name === 'DamagedDatabase' ? DAMAGED : 1
}

function program(): Command {
  const adept = new Command('adept')
    .description('Appliances that buy their own consumables, within limits that you signed.')
    .version(ownVersion(), '--version', 'print the version')
    .option('--data <folder>', "the gateway's data folder (default: ADEPT_DATA, else ~/.adept)")
    .option('--home <id>', 'the home that it is about (default: the one of adept.yaml)')
    .option('--json', 'print JSON instead of text')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help to see what is possible)')
    .exitOverride()
  const commands = [
    initCommand(),
    startCommand(),
    serviceCommand(),
    statusCommand(),
    homeCommand(),
    deviceCommand(),
    devicesCommand(),
    readingsCommand(),
    deadLettersCommand(),
    boardCommand(),
    ordersCommand(),
    orderCommand(),
    consentCommand(),
    feedCommand(),
    mandateCommand(),
    rulesCommand(),
    stockCommand(),
    replayCommand(),
    doctorCommand(),
    auditCommand(),
    backupCommand(),
    restoreCommand(),
    simCommand(),
  ]
  for (const command of commands) adept.addCommand(inherit(command, adept))
  return adept
}

/** Commands that are added do not take over settings by themselves. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const inner of command.commands) inherit(inner, command)
  return command
}
