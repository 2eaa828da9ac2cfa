import { Command } from 'commander'
import type { Audit } from '../orders/audit.ts'
import { contextOf } from './client.ts'
import { linesOf, progress } from './progress.ts'
import { counts } from './text.ts'

/** `first` as it comes over the wire. */
type Done = Extract<Audit, { kind: 'done' }>

export function auditCommand(): Command {
  return new Command('audit')
    .description('compare every payment and mandate with the chain, to the unit; changes nothing')
    .addHelpText('after', '\nEnds with exit code 1 when a row differs from the chain.')
    .action(async (_options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const lines = linesOf<Audit>(client.postStream('/v1/audit', {}))
      const done = await progress(lines, ({ rows, ofRows }) => `${rows} of ${ofRows} rows`)
      print(done, auditText(done))
      if (done.differing > 0 || done.unread > 0) process.exitCode = 1
    })
}

function auditText({ authorizations, mandates, inEscrowText, differing, unread, first }: Done): string {
  const counted = `${counts(authorizations, 'payment')} and ${counts(mandates, 'mandate')}`
  const waiting =
    unread === 0
      ? []
      : [`${counts(unread, 'row')} differ by blocks that are not confirmed or not read yet: ask again in a while.`]
  if (first !== undefined) {
    return [
      `${counted} were compared with the chain: ${counts(differing, 'row')} ${differing === 1 ? 'differs' : 'differ'}. The first is ${first.table} ${first.id}:`,
      first.why,
      ...waiting,
    ].join('\n')
  }
  const agree = unread === 0 ? `${counted} agree with the chain` : `${counted} were compared with the chain`
  return [`${agree}; ${inEscrowText} of this home is in the escrow.`, ...waiting].join('\n')
}
