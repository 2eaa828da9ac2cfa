import type { LevelSeries, RunResult } from '../run/result.ts'
import { faultsIn } from '../scenario/faults.ts'
import { isGood, notesOf, type Report } from './report.ts'
import { STYLE } from './style.ts'
import { escaped, type Plot, plotSvg } from './svg.ts'

/** Orders and faults that are listed one by one. */
const LISTED_ORDERS = 200
const LISTED_FAULTS = 100
const MAX_MARKS = 120

/** The report as one file that needs nothing else: no script, no network. */
export function htmlText(report: Report): string {
  const { name, scenario, result } = report
  const title = `${name}: ${isGood(report) ? 'all holds' : 'does not hold'}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>
<header class="${isGood(report) ? 'good' : 'bad'}"><h1>${escaped(name)} <small>${isGood(report) ? 'all holds' : 'does not hold'}</small></h1>
<p>${escaped(scenario.about)}</p></header>
${factsHtml(report)}
${report.broken === undefined ? '' : `<section class="broken"><h2>The run broke</h2><p>${escaped(report.broken)}</p></section>`}
<section><h2>What must hold</h2>${verdictsHtml(report)}${notesHtml(report)}${againHtml(report)}</section>
${result === undefined ? '' : plotsHtml(result, report.faults)}
${result === undefined ? '' : levelsHtml(result)}
${faultsHtml(report)}
${result === undefined ? '' : ordersHtml(result)}
<footer>adept sim · ${new Date(report.madeAtMs).toISOString().slice(0, 16).replace('T', ' ')} UTC</footer>
</main></body></html>
`
}

function factsHtml({ kind, scenario, result }: Report): string {
  const facts: [string, string][] = [
    ['run', kind === 'pure' ? 'pure, in process' : 'real gateway, MQTT and chain'],
    ['seed', scenario.seed],
    ['homes', number(scenario.population.homes)],
    ['days', number(scenario.days)],
  ]
  if (result !== undefined) {
    facts.push(
      ['devices', number(result.devices)],
      ['reports', number(result.counts.reports)],
      ['orders', number(result.orders.length)],
      ['real time', `${result.realSeconds.toFixed(1)} s`],
      ['device-days a second', number(Math.round(result.counts.deviceDays / Math.max(result.realSeconds, 0.001)))],
    )
  }
  return `<dl class="facts">${facts.map(([what, value]) => `<div><dt>${what}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl>`
}

function verdictsHtml({ verdicts }: Report): string {
  const rows = verdicts.map(({ name, holds, saw, details }) => {
    const list = details.map((detail) => `<li>${escaped(detail)}</li>`).join('')
    const more = list === '' ? '' : `<ul>${list}</ul>`
    return `<tr class="${holds ? 'good' : 'bad'}"><td class="sign">${holds ? '✔' : '✘'}</td><td>${escaped(name)}${more}</td><td>${escaped(saw)}</td></tr>`
  })
  return `<table><tbody>${rows.join('')}</tbody></table>`
}

function notesHtml(report: Report): string {
  return notesOf(report)
    .map((sentence) => `<p>${escaped(sentence)}</p>`)
    .join('')
}

function againHtml(report: Report): string {
  const { smallest } = report
  const small =
    smallest === undefined
      ? ''
      : `<p>The smallest that still fails, after ${smallest.tries} tries (${smallest.homes} homes, ${smallest.days} days, faults: ${escaped(smallest.faults.join(', ') || 'none')}):</p><pre>${escaped(smallest.command)}</pre>`
  return `<p>Plays the same again:</p><pre>${escaped(report.command)}</pre>${small}`
}

function plotsHtml(result: RunResult, faults: Report['faults']): string {
  const days = result.virtualDays
  const marks = faults.slice(0, MAX_MARKS)
  const of = (pick: (row: RunResult['days'][number]) => number) =>
    result.days.map((row): [number, number] => [row.day, pick(row)])
  const plots: Plot[] = [
    {
      title: 'Orders',
      unit: 'orders a day',
      days,
      marks,
      series: [
        bars(
          'orders',
          'a',
          of((row) => row.orders),
        ),
      ],
    },
    {
      title: 'Empty slots',
      unit: 'slots at the end of the day',
      days,
      marks,
      series: [
        bars(
          'empty',
          'c',
          of((row) => row.emptySlots),
        ),
      ],
    },
    {
      title: 'Reports',
      unit: 'reports a day',
      days,
      marks,
      series: [
        line(
          'reports',
          'b',
          of((row) => row.reports),
        ),
      ],
    },
    {
      title: 'Real time',
      unit: 'ms for a virtual day',
      days,
      marks,
      series: [
        bars(
          'ms',
          'd',
          of((row) => row.realMs),
        ),
      ],
    },
  ]
  return `<section><h2>By day</h2><div class="plots">${plots.map(figureHtml).join('')}</div></section>`
}

function levelsHtml({ levels, virtualDays }: RunResult): string {
  if (levels.length === 0) return ''
  const figures = levels.map((series) => figureHtml(levelPlot(series, virtualDays)))
  return `<section><h2>Levels of some slots</h2><p class="legend"><i class="a"></i> what is there <i class="c"></i> what the sensor said</p><div class="plots">${figures.join('')}</div></section>`
}

function levelPlot(
  { home, device, slot, unit, capacity, days, trueLevels, seenLevels }: LevelSeries,
  ofDays: number,
): Plot {
  const points = (levels: number[]) => days.map((day, index): [number, number] => [day, levels[index] ?? 0])
  return {
    title: `Home ${home}: ${device} ${slot}`,
    unit,
    days: ofDays,
    most: capacity,
    series: [
      { kind: 'dots', name: 'seen', className: 'c', points: points(seenLevels) },
      line('true', 'a', points(trueLevels)),
    ],
  }
}

function figureHtml(plot: Plot): string {
  return `<figure><figcaption>${escaped(plot.title)} <small>${escaped(plot.unit)}</small></figcaption>${plotSvg(plot)}</figure>`
}

function faultsHtml({ kind: run, scenario, faults }: Report): string {
  const kinds = faultsIn(run, scenario.faults).happening
  if (kinds.length === 0) return ''
  const settings = kinds.map(
    (kind) => `<tr><td>${kind}</td><td><code>${escaped(JSON.stringify(scenario.faults[kind]))}</code></td></tr>`,
  )
  const listed = faults
    .slice(0, LISTED_FAULTS)
    .map(({ day, what }) => `<tr><td>day ${day.toFixed(1)}</td><td>${escaped(what)}</td></tr>`)
  return `<section><h2>Faults</h2><table><tbody>${settings.join('')}</tbody></table><details><summary>${faults.length} of processes and strangers, one by one</summary><table><tbody>${listed.join('')}</tbody></table></details></section>`
}

function ordersHtml({ orders }: RunResult): string {
  const rows = orders
    .slice(0, LISTED_ORDERS)
    .map(
      ({ day, home, device, slot, gtin, quantity }) =>
        `<tr><td>${Math.floor(day)}</td><td>${home}</td><td>${escaped(`${device} ${slot}`)}</td><td>${escaped(gtin)}</td><td>${quantity}</td></tr>`,
    )
  const which =
    orders.length > LISTED_ORDERS ? `the first ${LISTED_ORDERS} of ${number(orders.length)}` : number(orders.length)
  return `<section><h2>Orders</h2><details><summary>${which}</summary><table><thead><tr><th>day</th><th>home</th><th>slot</th><th>GTIN</th><th>packs</th></tr></thead><tbody>${rows.join('')}</tbody></table></details></section>`
}

function bars(name: string, className: string, points: [number, number][]): Plot['series'][number] {
  return { kind: 'bars', name, className, points }
}

function line(name: string, className: string, points: [number, number][]): Plot['series'][number] {
  return { kind: 'line', name, className, points }
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
