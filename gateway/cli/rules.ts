import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { Trial } from '../rules/back-test.ts'
import type { Explanation } from '../rules/explain.ts'
import { type ParsedRules, parseRules } from '../rules/rules-file.ts'
import { CliError, contextOf } from './client.ts'
import { linesOf, progress } from './progress.ts'
import { localTime, parseDuration, table } from './text.ts'

export function rulesCommand(): Command {
  return new Command('rules')
    .description('show the rules in force, check new ones, and see what they would do')
    .addCommand(showCommand(), { isDefault: true })
    .addCommand(checkCommand())
    .addCommand(explainCommand())
    .addCommand(tryCommand())
}

function showCommand(): Command {
  return new Command('show')
    .description('show the rules in force (`adept rules` does the same)')
    .action(async (_options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.get<{ version: number; source: string; problem?: string; text: string }>('/v1/rules')
      const whose = answer.source === 'file' ? 'your own, from rules.yaml' : 'the built-in ones'
      const heading = `# Version ${answer.version}: ${whose}.`
      const problem = answer.problem === undefined ? [] : [`# NOT in force: ${answer.problem}`]
      print(answer, [heading, ...problem, answer.text.trimEnd()].join('\n'))
    })
}

function checkCommand(): Command {
  return new Command('check')
    .description('check a file of rules, here and now; a running gateway takes over a good rules.yaml by itself')
    .argument('[file]', 'the file (default: rules.yaml in the data folder)')
    .action((file: string | undefined, _options: unknown, command: Command) => {
      const { dataFolder, print } = contextOf(command)
      const path = file ?? join(dataFolder, 'rules.yaml')
      const { rules } = goodRules(path, parseRules(readFileSync(path, 'utf8')))
      const names = rules.rules.map(({ name, when, then }) => [name, keys(when), keys(then)])
      print(
        { ok: true, rules: rules.rules.map(({ name }) => name), budgets: rules.budgets.map(({ name }) => name) },
        [`${path} is all right.`, '', table(['RULE', 'WHEN', 'THEN'], names, '')].join('\n'),
      )
    })
}

function explainCommand(): Command {
  return new Command('explain')
    .description('say what the rules see of a slot, and what they make of it')
    .argument('<device/slot>', 'such as washer-1/detergent')
    .action(async (at: string, _options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const { explanation } = await client.get<{ explanation: Explanation }>(`${slotPath(at)}/explain`)
      print(explanation, explanationText(explanation))
    })
}

function tryCommand(): Command {
  return new Command('try')
    .description('say what a file of rules would have done on the recorded readings, and what was really ordered')
    .argument('<file>', 'the rules to try')
    .option('--since <duration>', 'how far back', parseDuration, parseDuration('90d'))
    .addHelpText(
      'after',
      `
Every slot is taken as confirmed, under its present mandate, every question as answered yes, and goods as arriving after
the usual time. Refills are those that really happened. Single readings are kept for 30 days (retention.rawDays): a trial
reaches back no further. Nothing is ordered.`,
    )
    .action(async (file: string, options: { since: number }, command: Command) => {
      const { client, print } = contextOf(command)
      const text = readFileSync(file, 'utf8')
      goodRules(file, parseRules(text))
      const lines = linesOf<Trial>(client.postStream('/v1/rules/try', { text, sinceSeconds: options.since }))
      const done = await progress(lines, ({ readings, ofReadings }) => `${readings} of ${ofReadings} readings`)
      print(done, trialText(done))
    })
}

/** `washer-1/detergent` as the API's path. */
export function slotPath(at: string): string {
  const [device, slot, ...more] = at.split('/')
  if (!device || !slot || more.length > 0) {
    throw new CliError(`${at} names no slot: write device/slot, such as washer-1/detergent.`, 2)
  }
  return `/v1/devices/${encodeURIComponent(device)}/slots/${encodeURIComponent(slot)}`
}

function goodRules(path: string, read: ParsedRules): Extract<ParsedRules, { ok: true }> {
  if (read.ok) return read
  const mistakes = read.mistakes.map(({ line, sentence }) => `${path}:${line}: ${sentence}`)
  throw new CliError([...mistakes, 'Nothing was changed: the rules in force stay.'].join('\n'))
}

function explanationText(it: Explanation): string {
  const { forecast, last } = it
  const rate = forecast && `${tenth(forecast.ratePerDay)} ± ${tenth(forecast.ratePerDaySd)} ${it.unit} a day`
  return [
    `${it.deviceId} ${it.slot}, mode ${it.mode}${it.suspendedReason && `, suspended: ${it.suspendedReason}`}`,
    ...(forecast === undefined
      ? []
      : [`  holds     ${it.stock}`, `  use       ${rate}`, `  forecast  ${forecast.sentence}`]),
    ...it.rules.flatMap(({ name, does, checks }) => [
      `  rule      "${name}" (${does.join(', ')})`,
      ...checks.map(({ holds, sentence }) => `            ${holds ? 'yes' : 'no '} ${sentence}`),
    ]),
    `  now       ${it.now.outcome}: ${it.now.reasons.join(' ')}`,
    ...(last === undefined
      ? ['  last      nothing was decided yet']
      : [`  last      ${localTime(last.atMs)} ${last.outcome}: ${last.reasons.join(' ')}${repeated(last)}`]),
  ].join('\n')
}

function repeated({ times, firstAtMs }: { times: number; firstAtMs: number }): string {
  return times === 1 ? '' : ` (${times} times since ${localTime(firstAtMs)})`
}

function trialText({ sinceMs, untilMs, slots }: Extract<Trial, { kind: 'done' }>): string {
  const heading = `From ${localTime(sinceMs)} to ${localTime(untilMs)}:`
  const parts = slots.map((slot) => {
    const would = slot.wouldOrder.map(({ atMs, quantity, mode, reasons }) => [
      localTime(atMs),
      `would order ${quantity}${mode === 'ask' ? ' after your yes' : ''}`,
      reasons.join(' '),
    ])
    const was = slot.ordered.map(({ atMs, quantity, state }) => [localTime(atMs), `was ordered ${quantity}`, state])
    const rows = [...would, ...was].sort(([a = ''], [b = '']) => a.localeCompare(b))
    const others = [`${slot.wouldSayLow} × low`, `${slot.wouldTell} × told`, `${slot.wouldCommand} × commanded`].join(
      ', ',
    )
    return [
      `${slot.deviceId} ${slot.slot}: ${would.length} would have been ordered, ${was.length} were. Besides: ${others}.`,
      ...rows.map((row) => `  ${row.join('  ')}`),
    ].join('\n')
  })
  return [heading, ...(parts.length === 0 ? ['There is no slot yet.'] : parts)].join('\n')
}

function keys(map: object): string {
  return Object.entries(map)
    .filter(([, value]) => value !== undefined)
    .map(([key]) => key)
    .join(', ')
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}
