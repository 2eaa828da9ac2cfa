import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { CliError, contextOf } from './client.ts'

/** A little more than the gateway takes for itself to drain (main.ts). */
const STOP_SECONDS = 15

export function serviceCommand(): Command {
  return new Command('service')
    .description('have systemd run the gateway: it starts with the machine and is started again when it ends')
    .addCommand(installCommand())
    .addCommand(removeCommand())
    .addCommand(printCommand())
}

function installCommand(): Command {
  return new Command('install')
    .description("write the unit, enable it and start it (as root for the machine, else in the user's own systemd)")
    .action((_options: unknown, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const place = placeOf()
      systemctl(place, '--version')
      mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
      mkdirSync(dirname(place.file), { recursive: true })
      writeFileSync(place.file, unitOf(dataFolder, place))
      systemctl(place, 'daemon-reload')
      systemctl(place, 'enable', '--now', place.unit)
      print(
        { unit: place.unit, file: place.file, dataFolder },
        [
          `${place.unit} runs the gateway of ${dataFolder}; its unit is ${place.file}.`,
          `Its log, which systemd keeps and rotates: journalctl ${place.isUser ? '--user ' : ''}-u ${place.unit} -f`,
          ...(place.isUser
            ? [`To keep it running while you are logged out: loginctl enable-linger ${userInfo().username}`]
            : []),
        ].join('\n'),
      )
    })
}

function removeCommand(): Command {
  return new Command('remove')
    .description('stop it and take the unit away; the data folder stays')
    .action((_options: unknown, command: Command) => {
      const { print } = contextOf(command)
      const place = placeOf()
      if (!existsSync(place.file)) throw new CliError(`There is no ${place.file}: the service is not installed.`)
      systemctl(place, 'disable', '--now', place.unit)
      rmSync(place.file)
      systemctl(place, 'daemon-reload')
      print({ removed: place.file }, `Stopped ${place.unit} and removed ${place.file}. The data folder is as it was.`)
    })
}

function printCommand(): Command {
  return new Command('print')
    .description('print the unit, to install it by hand')
    .action((_options: unknown, command: Command) => {
      const { dataFolder, json } = contextOf(command)
      const unit = unitOf(dataFolder, placeOf())
      console.log(json ? JSON.stringify({ unit }, null, 2) : unit.trimEnd())
    })
}

type Place = { unit: string; file: string; isUser: boolean }

function placeOf(): Place {
  const unit = 'adept.service'
  const isUser = process.getuid?.() !== 0
  const folder = isUser ? join(homedir(), '.config/systemd/user') : '/etc/systemd/system'
  return { unit, file: join(folder, unit), isUser }
}

/**
 * `KillMode=mixed`: a stop is told to the gateway alone, which ends the embedded chain itself, in order. What it may touch is
 * its data folder and the network. It is started again however often it ends, but for a mistake in its settings (2) and a
 * damaged database (3): those wait for a person.
 */
function unitOf(dataFolder: string, { isUser }: Place): string {
  const program = join(import.meta.dirname, 'adept.mjs')
  const command = [process.execPath, '--max-semi-space-size=4', program, 'start', '--data', dataFolder]
  return `[Unit]
Description=ADEPT gateway: appliances that buy their own consumables
Documentation=file://${escapePercent(join(import.meta.dirname, '../../README.md'))}
${isUser ? '' : 'Wants=network-online.target\nAfter=network-online.target\n'}StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command.map((word) => quoted(word).replaceAll('$', '$$$$')).join(' ')}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 3
KillMode=mixed
TimeoutStopSec=${STOP_SECONDS}
UMask=0077
LimitNOFILE=65536
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths=${quoted(dataFolder)}

[Install]
WantedBy=${isUser ? 'default.target' : 'multi-user.target'}
`
}

/** As systemd.syntax(7) and systemd.unit(5) want it; in a command line a $ is doubled, too. */
function quoted(text: string): string {
  return `"${escapePercent(text).replace(/["\\]/g, '\\$&')}"`
}

const escapePercent = (text: string) => text.replaceAll('%', '%%')

function systemctl({ isUser }: Place, ...args: string[]): void {
  const run = spawnSync('systemctl', [...(isUser ? ['--user'] : []), ...args], { encoding: 'utf8' })
  if (run.error)
    throw new CliError('systemctl is missing: this machine has no systemd. `adept service print` shows the unit.')
  if (run.status === 0) return
  throw new CliError(`systemctl ${args.join(' ')} failed: ${run.stderr.trim() || `exit code ${run.status}`}`)
}
