import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { type Setting, settings } from '../config/settings.ts'
import { systemClock } from '../lib/clock.ts'
import { openToken } from '../web/token.ts'
import { CliError, contextOf } from './client.ts'

export function initCommand(): Command {
  return new Command('init')
    .description('make the data folder with its settings and keys; what is there already stays')
    .action(async (_options: unknown, command: Command) => {
      // Loads the cryptography, which other commands need not wait for.
      const { openKeyring } = await import('../chain/keys.ts')
      const { openCertificates } = await import('../broker/certificates.ts')
      const { dataFolder, print } = contextOf(command)
      const configFile = join(dataFolder, 'adept.yaml')
      // A start without init makes all but the settings.
      const made = !existsSync(configFile) && !existsSync(join(dataFolder, 'master.key'))
      if (made && existsSync(dataFolder) && readdirSync(dataFolder).length > 0) {
        throw new CliError(`${dataFolder} holds other things and no gateway. Name a new or empty folder with --data.`)
      }
      mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
      chmodSync(dataFolder, 0o700)
      if (!existsSync(configFile)) writeFileSync(configFile, configText(settings()), { mode: 0o600, flag: 'wx' })
      openToken(dataFolder)
      openKeyring(dataFolder)
      openCertificates(dataFolder, systemClock.nowMs())
      print(
        { dataFolder, configFile, made },
        [
          `${made ? 'Made' : 'There was already'} a gateway in ${dataFolder}. Its settings are in ${configFile}.`,
          'Keep a backup of master.key, without which the keys of your devices are lost, and of tls/authority.pem, which they trust.',
          '',
          'Next:',
          '  adept start                        run the gateway',
          '  adept device pair                  let a device join, or:',
          '  adept device add washer            add one by hand; prints its password once',
          '  adept device confirm washer --mode ask',
          '  adept mandate sign washer          let it buy, within limits that you see first',
        ].join('\n'),
      )
    })
}

/** `adept.yaml` with every setting as a comment at its default: what is not written there keeps following the defaults. */
function configText(all: readonly Setting[]): string {
  const lines = [
    '# Settings of this gateway, each at its default: take away the # of a setting and of its sections to change it.',
    '# ADEPT_<SECTION>_<SETTING> in the environment goes before this file.',
  ]
  let open: string[] = []
  for (const { path, defaultValue, description } of all) {
    const sections = path.slice(0, -1)
    for (const [depth, section] of sections.entries()) {
      if (open[depth] === section && open.length > depth) continue
      open = sections.slice(0, depth + 1)
      lines.push(...(depth === 0 ? [''] : []), `# ${'  '.repeat(depth)}${section}:`)
    }
    const indent = '  '.repeat(sections.length)
    const value = defaultValue === undefined ? '…' : stringify(defaultValue).trim()
    lines.push(`# ${indent}# ${description}`, `# ${indent}${path.at(-1)}: ${value}`)
  }
  return `${lines.join('\n')}\n`
}
