import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import type { Endpoints } from '../ports/onboarding.ts'
import { CliError, contextOf } from './client.ts'
import { qrCode } from './qr-code.ts'

const DEVICE = 'the device'

export function rotateCommand(): Command {
  return new Command('rotate')
    .description(
      'give a device a new password: the old one and its certificate end at once, and it may be paired again',
    )
    .argument('<id>', DEVICE)
    .action(async (deviceId: string, _options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const rotated = await client.post<{ password: string } & Endpoints>(path(deviceId, 'rotate'), {})
      print(
        rotated,
        [
          await qrCode(`adept:device?${new URLSearchParams({ id: deviceId, secret: rotated.password })}`),
          '',
          `The old password of ${deviceId} has ended. The new one is shown only now:`,
          '',
          `  ${rotated.password}`,
          '',
          'Give it to the device, or let it fetch another by `adept device pair`.',
        ].join('\n'),
      )
    })
}

type Certificate = { certificatePem: string; keyPem: string; authorityPem: string; expiresAtMs: number }

export function certificateCommand(): Command {
  return new Command('certificate')
    .description(
      'make a key and a certificate with which a device connects by TLS without a password; the one before ends',
    )
    .argument('<id>', DEVICE)
    .option('--out <folder>', 'where <id>.crt, <id>.key and ca.crt go', '.')
    .action(async (deviceId: string, options: { out: string }, command: Command) => {
      const { client, json, print } = contextOf(command)
      const folder = resolve(options.out)
      const files = { certificate: join(folder, `${deviceId}.crt`), key: join(folder, `${deviceId}.key`) }
      const taken = Object.values(files).find((file) => existsSync(file))
      if (!json && taken !== undefined) throw new CliError(`${taken} is there already: name another folder with --out.`)
      if (!json) mkdirSync(folder, { recursive: true })
      const made = await client.post<Certificate>(path(deviceId, 'certificate'), {})
      if (json) return print(made, '')
      writeFileSync(files.key, made.keyPem, { mode: 0o600, flag: 'wx' })
      writeFileSync(files.certificate, made.certificatePem, { flag: 'wx' })
      writeFileSync(join(folder, 'ca.crt'), made.authorityPem)
      print(
        made,
        [
          `Certificate  ${files.certificate}`,
          `Key          ${files.key}: nothing else has it`,
          `Authority    ${join(folder, 'ca.crt')}: to check the gateway with`,
          `They are valid until ${new Date(made.expiresAtMs).toISOString().slice(0, 10)}. ${deviceId} connects with its id as client id.`,
        ].join('\n'),
      )
    })
}

export function removeCommand(): Command {
  return new Command('remove')
    .description('disconnect a device for good, and end its mandate; its history stays')
    .argument('<id>', DEVICE)
    .option('--force', 'also while it has an open order')
    .action(async (deviceId: string, options: { force?: boolean }, command: Command) => {
      const { client, print } = contextOf(command)
      const removed = await client.post<{ sentence: string }>(path(deviceId, 'remove'), {
        force: options.force === true,
      })
      print(removed, removed.sentence)
    })
}

function path(deviceId: string, verb: string): string {
  return `/v1/devices/${encodeURIComponent(deviceId)}/${verb}`
}
