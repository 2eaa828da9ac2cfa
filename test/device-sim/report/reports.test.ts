import { describe, expect, it } from 'vitest'
import { htmlText } from '../../../device-sim/report/html.ts'
import { jsonReport, ordersSha256 } from '../../../device-sim/report/json.ts'
import { junitText } from '../../../device-sim/report/junit.ts'
import type { Report } from '../../../device-sim/report/report.ts'
import { plotSvg } from '../../../device-sim/report/svg.ts'
import { someReport } from './some-report.ts'

describe('JUnit XML', () => {
  it('has a case for each expectation, and one for the run itself', () => {
    expect(junitText(someReport(false))).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="adept.sim.ci" timestamp="2026-03-02T06:30:00" hostname="localhost" tests="3" failures="0" errors="0" time="12.346" id="0" package="adept.sim">
    <properties>
      <property name="kind" value="real"/>
      <property name="seed" value="7"/>
      <property name="homes" value="20"/>
      <property name="days" value="60"/>
      <property name="command" value="adept sim run ci --real --seed 7"/>
    </properties>
    <testcase name="The run comes to its end" classname="adept.sim.ci" time="12.346"/>
    <testcase name="A slot has one open order at most" classname="adept.sim.ci" time="0.000"/>
    <testcase name="No order is paid twice" classname="adept.sim.ci" time="0.000"/>
    <system-out></system-out>
    <system-err></system-err>
  </testsuite>
</testsuites>
`)
  })

  it('tells what fails, and how to play it again', () => {
    const text = junitText(someReport(true))
    expect(text).toContain('tests="3" failures="1" errors="0"')
    expect(text).toContain(
      '<failure message="51 payments to the seller" type="expectation">51 payments to the seller\nOrder "o2" is held or paid 2 times: 0x3 &amp; 0x2.</failure>\n    </testcase>',
    )
    expect(text).toContain('<system-out>Plays it again: adept sim run ci --real --seed 7</system-out>')
  })

  it('tells of a run that broke as an error, whatever its words are', () => {
    const text = junitText({
      ...someReport(true),
      result: undefined,
      verdicts: [],
      broken: 'It said "<\u0007>"\nand ended.',
    })
    expect(text).toContain('tests="1" failures="0" errors="1"')
    expect(text).toContain('<error message="It said &quot;&lt;\ufffd&gt;&quot;&#10;and ended." type="broken">')
  })
})

it('writes JSON with a digest of the orders, equal for equal orders only', () => {
  const report = someReport(true)
  const orders = report.result?.orders ?? []
  expect(jsonReport(report)).toMatchObject({
    ok: false,
    seed: '7',
    result: { orderCount: 60, ordersSha256: ordersSha256(orders) },
  })
  expect(jsonReport({ ...report, result: undefined })).toMatchObject({ result: null })
  expect(ordersSha256(orders)).not.toBe(ordersSha256(orders.toReversed()))
})

it('tells no times of a pure run: equal runs give equal bytes', () => {
  const pure: Report = { ...someReport(true), kind: 'pure' }
  const result = { ...pure.result!, realSeconds: 99, days: pure.result!.days.map((day) => ({ ...day, realMs: 7 })) }
  const later: Report = { ...pure, result, madeAtMs: pure.madeAtMs + 1 }
  expect(JSON.stringify(jsonReport(later))).toBe(JSON.stringify(jsonReport(pure)))
  expect(junitText(later)).toBe(junitText(pure))
  expect(junitText(pure)).not.toMatch(/time(stamp)?=/)
  expect(jsonReport({ ...pure, kind: 'real' })).toMatchObject({
    madeAtMs: pure.madeAtMs,
    result: { realSeconds: 12.3456 },
  })
})

it('says everywhere what was left out, and what the run could not do', () => {
  const some = someReport(true)
  const result = some.result && { ...some.result, problems: ['It went <otherwise>.'] }
  const report: Report = { ...some, result, leftOut: ['It is not judged.', 'It does not <happen>.'] }
  expect(htmlText(report)).toContain(
    '<p>It is not judged.</p><p>It does not &lt;happen&gt;.</p><p>It went &lt;otherwise&gt;.</p>',
  )
  expect(jsonReport(report)).toMatchObject({ leftOut: report.leftOut, result: { problems: result?.problems } })
  expect(junitText(report)).toContain(
    '<system-out>It is not judged.\nIt does not &lt;happen&gt;.\nIt went &lt;otherwise&gt;.\nPlays it again: ',
  )
})

describe('HTML', () => {
  it('lists the faults that happen', () => {
    expect(htmlText(someReport(false))).toContain('<td>kills</td>')
    expect(htmlText({ ...someReport(false), kind: 'pure' })).not.toContain('<td>kills</td>')
  })

  it('needs nothing else, and lets no text of a scenario become markup', () => {
    const html = htmlText(someReport(true))
    expect(html).toContain('Homes &amp; &lt;faults&gt;, for a test')
    expect(html).not.toMatch(/<script|src=|href=|url\(|@import/)
    expect(html.match(/<svg /g)).toHaveLength(7)
    expect(html).toContain('adept sim run ci --real --seed 7 --homes 1')
  })

  it('says why a run broke, without plots', () => {
    const html = htmlText({ ...someReport(true), result: undefined, broken: 'a & b' })
    expect(html).toContain('<h2>The run broke</h2><p>a &amp; b</p>')
    expect(html).not.toContain('<svg')
  })

  it('closes what it opens', () => {
    const open: string[] = []
    for (const [, slash, name = '', rest = ''] of htmlText(someReport(true)).matchAll(/<(\/?)([a-z]\w*)([^>]*)>/g)) {
      if (rest.endsWith('/') || name === 'meta') continue
      if (slash === '') open.push(name)
      else expect(open.pop()).toBe(name)
    }
    expect(open).toEqual([])
  })
})

it('plots nothing, one day and a million without a number that is none', () => {
  const points = (count: number): [number, number][] =>
    Array.from({ length: count }, (_, index) => [index / 1000, index])
  for (const [days, count] of [
    [0, 0],
    [1, 1],
    [1000, 1_000_000],
  ] as const) {
    const svg = plotSvg({
      title: 't',
      unit: 'u',
      days,
      series: [{ kind: 'line', name: 'n', className: 'a', points: points(count) }],
    })
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    expect(svg.length).toBeLessThan(30_000)
  }
})
