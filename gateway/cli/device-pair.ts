import { setTimeout as wait } from 'node:timers/promises'
import { Command } from 'commander'
import type { Endpoints, PairingView } from '../ports/onboarding.ts'
import { CliError, type Client, contextOf } from './client.ts'
import { fingerprintText, plainTextWarning } from './endpoints.ts'
import { qrCode } from './qr-code.ts'
import { localTime, parseCount } from './text.ts'

const LOOK_EVERY_MS = 1_000

type Opened = PairingView & Endpoints & { code: string }

export function pairCommand(): Command {
  return new Command('pair')
    .description('let new devices in for some minutes, against a code that is shown once')
    .option('--minutes <minutes>', 'for how long, at most 60', parseCount, 5)
    .option('--devices <count>', 'how many may join', parseCount, 1)
    .option('--end', 'end the window that is open')
    .addHelpText(
      'after',
      '\nIt waits until the window ends; Ctrl-C ends it. With --json it prints the window and leaves it open.',
    )
    .action(async (options: { minutes: number; devices: number; end?: boolean }, command: Command) => {
      const { client, json, print } = contextOf(command)
      if (options.end) {
        const { pairing } = await client.post<{ pairing?: PairingView }>('/v1/pairing/end', {})
        return print(
          { pairing },
          pairing?.ended === undefined ? 'No window was open.' : `The window is closed. ${pairing.ended}`,
        )
      }
      const { minutes, devices } = options
      const opened = await client.post<Opened>('/v1/pairing', { minutes, devices })
      print(opened, json ? '' : await windowText(opened))
      if (!json) await follow(client, opened)
    })
}

async function windowText(opened: Opened): Promise<string> {
  const { addresses, authorityFingerprint, code } = opened
  const [best] = addresses
  if (best === undefined) throw new CliError('The gateway does not listen for devices yet. Try again in a moment.')
  const uri = pairingUri(best.url, code, best.secure ? authorityFingerprint : undefined)
  return [
    await qrCode(uri),
    '',
    `Address      ${addresses.map(({ url }) => url).join(', ')}`,
    `Code         ${code}`,
    ...(authorityFingerprint === undefined ? [] : [`Authority    ${fingerprintText(authorityFingerprint)} (SHA-256)`]),
    '',
    'A device connects with its own id as client id, the user name "pairing" and this code as password, and subscribes to',
    'adept/v1/<its id>/credentials: there it gets its own password, with which it connects from then on.',
    ...(best.isLoopback
      ? ['Only programs on this machine reach this gateway: set mqtt.tls.host to 0.0.0.0 to let in others.']
      : []),
    ...[plainTextWarning(addresses)].filter((warning) => warning !== undefined),
    `The window is open until ${localTime(opened.endsAtMs)}; Ctrl-C ends it.`,
  ].join('\n')
}

/** `adept:pair?…`: where to, with which code, and the SHA-256 of the authority's certificate to trust. */
function pairingUri(url: string, code: string, authorityFingerprint: string | undefined): string {
  const parts = new URLSearchParams({ url, code, ...(authorityFingerprint && { ca: authorityFingerprint }) })
  return `adept:pair?${parts}`
}

/** Tells who joins until the window has ended. */
async function follow(client: Client, opened: Opened): Promise<void> {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  const told = new Set<string>()
  for (;;) {
    await wait(LOOK_EVERY_MS, undefined, { signal: interrupted.signal }).catch(() => undefined)
    if (interrupted.signal.aborted) await client.post('/v1/pairing/end', {})
    const { pairing } = await client.get<{ pairing?: PairingView }>('/v1/pairing')
    if (pairing === undefined || pairing.endsAtMs !== opened.endsAtMs) {
      throw new CliError('This window has ended: the gateway was started again, or another window was opened.')
    }
    for (const deviceId of pairing.joined.filter((each) => !told.has(each))) {
      told.add(deviceId)
      console.log(`${deviceId} has joined. Next: adept device confirm ${deviceId} --mode ask`)
    }
    if (!pairing.isOpen) {
      console.log(`The window is closed. ${pairing.ended}`)
      if (pairing.waitingFor.length > 0) {
        console.log(`${pairing.waitingFor.join(', ')} was given a password and has not used it yet.`)
      }
      return
    }
  }
}
