import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { openKeyring } from '../chain/keys.ts'
import { type Setting, settings } from '../config.ts'
import { openToken } from '../web/token.ts'
import { CliError, contextOf } from './client.ts'

export function initCommand(): Command {
  return new Command('init')
    .description('make the data folder with its settings and keys; what is there already stays')
    .action((_options: unknown, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const configFile = join(dataFolder, 'adept.yaml')
      const made = !existsSync(configFile)
      if (made && existsSync(dataFolder) && readdirSync(dataFolder).length > 0) {
        throw new CliError(
          `${dataFolder} holds other things and no adept.yaml. Name a new or empty folder with --data.`,
        )
      }
      mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
      chmodSync(dataFolder, 0o700)
      if (made) writeFileSync(configFile, configText(settings()), { mode: 0o600, flag: 'wx' })
      openToken(dataFolder)
      openKeyring(dataFolder)
      print(
        { dataFolder, configFile, made },
        [
          `${made ? 'Made' : 'There was already'} a gateway in ${dataFolder}. Its settings are in ${configFile}.`,
          'Keep a backup of master.key: without it the keys of your devices are lost.',
          '',
          'Next:',
          '  adept start                        run the gateway',
          '  adept device add washer            add a device; prints its password once',
          '  adept device confirm washer --mode ask',
          '  adept mandate sign washer          let it buy, within limits that you see first',
        ].join('\n'),
      )
    })
}

/** `adept.yaml` with every setting at its default; settings without a default, and of other variants, as comments. */
function configText(all: readonly Setting[]): string {
  const lines = ['# Settings of this gateway. ADEPT_<SECTION>_<SETTING> in the environment goes before them.']
  const sections = [...new Set(all.map((setting) => setting.path[0]!))]
  for (const section of sections) {
    const own = all.find((setting) => setting.path.length === 1 && setting.path[0] === section)
    const inner = all.filter((setting) => setting.path.length === 2 && setting.path[0] === section)
    // A section with a value of its own (`chain`) has settings that belong to its other variants.
    const hasValues = own === undefined && inner.some((setting) => setting.defaultValue !== undefined)
    lines.push('', ...(own === undefined ? [] : [`# ${own.description}`]), `${hasValues ? '' : '# '}${section}:`)
    if (own !== undefined) lines.push('#   kind: rpc')
    for (const { path, defaultValue, description } of inner) {
      const value = defaultValue === undefined ? '…' : stringify(defaultValue).trim()
      const active = hasValues && defaultValue !== undefined
      lines.push(`${hasValues ? '' : '# '}  # ${description}`, `${active ? '' : '# '}  ${path[1]}: ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}
