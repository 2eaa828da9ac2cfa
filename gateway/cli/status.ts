import { Command } from 'commander'
import type { Address } from '../domain/identifiers.ts'
import type { Endpoints } from '../ports/onboarding.ts'
import { CliError, contextOf } from './client.ts'
import { fingerprintText, plainTextWarning } from './endpoints.ts'

/** `GET /v1/status`, as JSON has it. */
export type StatusAnswer = {
  version: string
  nodeVersion: string
  homeId: string
  mqttPort: number
  endpoints: Endpoints
  chain: {
    kind: string
    chainId: number
    escrow: Address
    token: { address: Address; symbol: string; decimals: number }
  }
  relayer: { address: Address; balanceWei: string }
  payer?: { address: Address; balance: string; allowance: string; balanceText: string }
}

export function statusCommand(): Command {
  return new Command('status')
    .description('tell versions, ports, chain and wallet of the running gateway')
    .action(async (_options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const status = await client.get<StatusAnswer>('/v1/status')
      const notReady = await client.get('/readyz').then(
        () => undefined,
        (error: unknown) => (error instanceof CliError ? error.message : Promise.reject(error)),
      )
      const { chain, payer, relayer } = status
      const { addresses, authorityFingerprint } = status.endpoints
      const lines = [
        `Gateway ${status.version} on Node ${status.nodeVersion}, home ${status.homeId}`,
        notReady && `${notReady} More: \`adept doctor\``,
        `Devices connect by MQTT to port ${status.mqttPort}: ${addresses.map(({ url }) => url).join(', ')}`,
        authorityFingerprint && `By TLS they trust the authority ${fingerprintText(authorityFingerprint)}`,
        plainTextWarning(addresses),
        `Chain ${chain.chainId} (${chain.kind}), contract ${chain.escrow}`,
        payer === undefined
          ? `Paid in ${chain.token.symbol} ${chain.token.address}; the gateway has no wallet of its own`
          : `Wallet ${payer.address} has ${payer.balanceText}`,
        `Gas is paid by ${relayer.address}, which has ${gwei(relayer.balanceWei)} gwei${relayer.balanceWei === '0' ? ": send it some of the chain's own coin" : ''}`,
        chain.kind === 'embedded' ? 'The embedded chain is for development: its money is play money.' : '',
      ]
      print({ ...status, ready: notReady === undefined }, lines.filter(Boolean).join('\n'))
    })
}

/** Of the chain's own coin, for people. */
export function gwei(wei: string): string {
  return (BigInt(wei) / 1_000_000_000n).toLocaleString('en')
}
