import { Command } from 'commander'
import { MandateFile } from '../domain/mandate.ts'
import { CliError, type Client, contextOf } from './client.ts'
import { type MandateAnswer, signCommand } from './mandate-sign.ts'
import type { StatusAnswer } from './status.ts'
import { localTime } from './text.ts'

export function mandateCommand(): Command {
  return new Command('mandate')
    .description('sign, show and revoke what a device may spend')
    .addCommand(signCommand())
    .addCommand(showCommand())
    .addCommand(revokeCommand())
}

function showCommand(): Command {
  return new Command('show')
    .description('show all mandates with the text that was signed')
    .action(async (_options: unknown, command: Command) => {
      const { client, json, print } = contextOf(command)
      const { mandates } = await client.get<{ mandates: MandateAnswer[] }>('/v1/mandates')
      if (json) return print(await withRevokeCalls(client, mandates), '')
      print(
        undefined,
        mandates.map(mandateText).join('\n\n\n') || 'No mandate yet. Sign one with `adept mandate sign <device>`.',
      )
    })
}

function mandateText(mandate: MandateAnswer): string {
  const used =
    mandate.spent === undefined
      ? ''
      : `, ${mandate.spent} of ${mandate.allowance} used in this period, ${mandate.openOrders} open`
  return [
    `${mandate.mandateHash}`,
    `${mandate.deviceId}: ${mandate.state}${used}, made ${localTime(mandate.createdAtMs)}`,
    ...(mandate.fault === '' ? [] : [`NOT USED. ${mandate.fault}`]),
    '',
    mandate.file.readable,
  ].join('\n')
}

/** With the call that revokes each, for a wallet that is not the gateway's. */
async function withRevokeCalls(client: Client, mandates: MandateAnswer[]) {
  const { escrow } = await import('../../contracts/escrow.ts')
  const { chain } = await client.get<StatusAnswer>('/v1/status')
  return mandates.map((mandate) => ({
    ...mandate,
    revokeCall: {
      chainId: chain.chainId,
      from: mandate.file.mandate.payer,
      to: chain.escrow,
      data: escrow.encode('revoke', [MandateFile.parse(mandate.file).mandate]),
    },
  }))
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('end a mandate, or all of a device, for good')
    .argument('<hash|device>', 'the hash of a mandate, or the first 6 or more characters of it, or a device')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const { mandates } = await client.get<{ mandates: MandateAnswer[] }>('/v1/mandates')
      const named = mandates.filter((mandate) =>
        /^0x[0-9a-f]{4,}$/i.test(name) ? mandate.mandateHash.startsWith(name.toLowerCase()) : mandate.deviceId === name,
      )
      if (named.length === 0) throw new CliError(`There is no mandate ${name}. See all with \`adept mandate show\`.`)
      if (name.startsWith('0x') && named.length > 1)
        throw new CliError(`${named.length} mandates begin with ${name}. Give more characters.`)
      const revoked = []
      for (const { mandateHash, state } of named) {
        if (state === 'revoked' && named.length > 1) continue
        revoked.push(
          await client.post<{ mandateHash: string; sentence: string }>(`/v1/mandates/${mandateHash}/revoke`, {}),
        )
      }
      print(
        { revoked },
        revoked.map((it) => `${it.mandateHash}\n${it.sentence}`).join('\n') ||
          'All mandates of this device were revoked before.',
      )
    })
}
