import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Command, Option } from 'commander'
import type { MandateFile } from '../domain/mandate.ts'
import type { MandateState } from '../ports/mandates.ts'
import { CliError, type Client, type Context, contextOf } from './client.ts'
import type { StatusAnswer } from './status.ts'
import { durationText, minorUnits, parseCount, parseDuration } from './text.ts'

type SignOptions = {
  gtin?: string[]
  seller?: string
  allowance: string
  period: number
  maxPerOrder: string
  maxOpenOrders?: number
  maxUnitPrice?: string
  coolingOff: number
  days: number
  payer?: string
  arbiter?: string
  householdAllowance?: string
  householdPeriod?: number
  typedData?: true
  signature?: string
  yes?: true
}
/** A mandate of `GET /v1/mandates`. */
export type MandateAnswer = {
  mandateHash: string
  deviceId: string
  state: MandateState
  /** Why the gateway does not use it; empty otherwise. */
  fault: string
  /** Granted, used, and within its term. */
  inForce: boolean
  createdAtMs: number
  allowance: string
  spent?: string
  openOrders?: number
  file: MandateFile
}
type Draft = { deviceId: string; sellerUrl: string; file: MandateFile; household?: unknown }
type SignedAnswer = { mandateHash: string; sentence: string; txHash?: string }

export function signCommand(): Command {
  return new Command('sign')
    .description('let a device buy, within limits that you see before you sign')
    .argument('<device>', 'the device')
    .option('--gtin <gtin...>', 'products it may buy (default: those of its slots that the seller has)')
    .option('--seller <url>', 'the seller (default: seller.url of adept.yaml)')
    .option('--allowance <amount>', 'most that it may spend in one period', '50.00')
    .addOption(durationOption('--period <duration>', 'length of a period', '30d'))
    .option('--max-per-order <amount>', 'most for one order', '25.00')
    .option('--max-open-orders <count>', 'most orders at once (default: one for each slot)', parseCount)
    .option('--max-unit-price <amount>', "most for one pack (default: the seller's price now and a tenth)")
    .addOption(
      durationOption('--cooling-off <duration>', 'time in which you can cancel before the seller may ship', '24h'),
    )
    .option('--days <count>', 'how long the mandate runs', parseCount, 365)
    .option('--payer <address>', "the wallet that pays (default: the gateway's own, on the embedded chain)")
    .option('--household-allowance <amount>', 'most that all devices which have one may spend together in one period')
    .option('--household-period <duration>', 'length of that period (default: as --period)', parseDuration)
    .option('--arbiter <address>', 'decides disputes (default: nobody; the money then comes back after 30 days)')
    .option('--typed-data', 'print what a wallet of your own signs (EIP-712), and keep the draft')
    .option('--signature <hex>', "that wallet's signature of the draft kept by --typed-data")
    .option('--yes', 'sign without asking')
    .action(async (deviceId: string, options: SignOptions, command: Command) => {
      const context = contextOf(command)
      // With --json or --typed-data standard output is for the answer alone.
      const tell = console[context.json || options.typedData ? 'error' : 'log']
      if (options.signature !== undefined) {
        const draft = keptDraft(context.dataFolder, deviceId, options.payer)
        for (const sentence of await holdingBeside(context.client, deviceId)) tell(sentence)
        return send(context, { draft, signature: options.signature })
      }
      const { draft, typedData } = await makeDraft(context, deviceId, options)
      tell(`${draft.file.readable}\n`)
      for (const sentence of await holdingBeside(context.client, deviceId)) tell(sentence)
      if (options.typedData) {
        keepDraft(context.dataFolder, draft)
        console.error(
          `Sign this with ${draft.file.mandate.payer}, then: adept mandate sign ${deviceId} --signature 0x…`,
        )
        console.log(JSON.stringify(typedData, null, 2))
        return
      }
      if (!options.yes && !(await saysYes())) throw new CliError('Nothing was signed.')
      await send(context, { draft, useGatewayWallet: true })
    })
}

function durationOption(flags: string, description: string, standard: string): Option {
  return new Option(flags, description).argParser(parseDuration).default(parseDuration(standard), standard)
}

/** A new mandate does not replace one that is in force: the device may then spend the sum of both. */
async function holdingBeside(client: Client, deviceId: string): Promise<string[]> {
  const { mandates } = await client.get<{ mandates: MandateAnswer[] }>('/v1/mandates')
  return mandates
    .filter((mandate) => mandate.deviceId === deviceId && mandate.inForce)
    .map(
      ({ mandateHash, allowance, file }) =>
        `${deviceId} already has a mandate of ${allowance} per ${durationText(file.mandate.period)} in force; both will hold. ` +
        `Revoke the old one with \`adept mandate revoke ${mandateHash.slice(0, 10)}\`.\n`,
    )
}

async function makeDraft({ client }: Context, deviceId: string, options: SignOptions) {
  const { token } = (await client.get<StatusAnswer>('/v1/status')).chain
  return client.post<{ draft: Draft; typedData: unknown }>('/v1/mandates/draft', {
    deviceId,
    sellerUrl: options.seller,
    gtins: options.gtin,
    payer: options.payer,
    arbiter: options.arbiter,
    household: options.householdAllowance && {
      allowance: minorUnits('--household-allowance', options.householdAllowance, token),
      periodSeconds: options.householdPeriod ?? options.period,
    },
    allowance: minorUnits('--allowance', options.allowance, token),
    periodSeconds: options.period,
    maxPerOrder: minorUnits('--max-per-order', options.maxPerOrder, token),
    maxOpenOrders: options.maxOpenOrders,
    maxUnitPrice: options.maxUnitPrice && minorUnits('--max-unit-price', options.maxUnitPrice, token),
    coolingOffSeconds: options.coolingOff,
    days: options.days,
  })
}

async function send({ client, print }: Context, body: object): Promise<void> {
  const signed = await client.post<SignedAnswer>('/v1/mandates', body)
  print(signed, `${signed.sentence}\nMandate ${signed.mandateHash}; \`adept mandate show\` tells when it is granted.`)
}

async function saysYes(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CliError('Nobody is here to answer. Read the text above, then add --yes to sign it.', 2)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question('Sign this order with obligation to pay? [y/N] ')).trim())
  } finally {
    terminal.close()
  }
}

function draftFile(dataFolder: string, deviceId: string): string {
  return join(dataFolder, 'drafts', `${deviceId}.json`)
}

/** The salts in a draft are random: what the wallet signs must be kept until its signature comes. */
function keepDraft(dataFolder: string, draft: Draft): void {
  mkdirSync(join(dataFolder, 'drafts'), { recursive: true, mode: 0o700 })
  writeFileSync(draftFile(dataFolder, draft.deviceId), JSON.stringify(draft, null, 2), { mode: 0o600 })
}

function keptDraft(dataFolder: string, deviceId: string, payer: string | undefined): Draft {
  const file = draftFile(dataFolder, deviceId)
  if (!/^[a-z0-9-]+$/.test(deviceId) || !existsSync(file)) {
    throw new CliError(
      `There is no draft for ${deviceId}. Make it with \`adept mandate sign ${deviceId} --payer 0x… --typed-data\`.`,
    )
  }
  const draft = JSON.parse(readFileSync(file, 'utf8')) as Draft
  if (payer !== undefined && payer.toLowerCase() !== draft.file.mandate.payer) {
    throw new CliError(
      `The draft in ${file} is for the wallet ${draft.file.mandate.payer}. Draft it again for ${payer}.`,
    )
  }
  return draft
}
