import { isGood, notesOf, type Report } from './report.ts'

/**
 * JUnit XML as Jenkins, GitLab and others read it: one suite, one case for each thing that must hold. A run that broke is
 * an error of its own case; what does not hold is a failure. Of a pure run it tells no times: equal runs give the same bytes.
 */
export function junitText(report: Report): string {
  const { name, kind, scenario, result, verdicts, broken, command, madeAtMs } = report
  const classname = `adept.sim.${name}`
  const failures = verdicts.filter(({ holds }) => !holds).length
  const isTimed = kind === 'real'
  const time = (seconds: number) => (isTimed ? { time: seconds.toFixed(3) } : {})
  const runTime = time(result?.realSeconds ?? 0)
  const again = isGood(report) ? [] : [`Plays it again: ${command}`]
  const properties = { kind, seed: scenario.seed, homes: scenario.population.homes, days: scenario.days, command }
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    element('testsuite', {
      name: classname,
      ...(isTimed && { timestamp: new Date(madeAtMs).toISOString().slice(0, 19) }),
      hostname: 'localhost',
      tests: verdicts.length + 1,
      failures,
      errors: broken === undefined ? 0 : 1,
      ...runTime,
      id: 0,
      package: 'adept.sim',
    }),
    '    <properties>',
    ...Object.entries(properties).map(([key, value]) => `    ${element('property', { name: key, value }, true)}`),
    '    </properties>',
    `  ${element('testcase', { name: 'The run comes to its end', classname, ...runTime }, broken === undefined)}`,
    ...(broken === undefined ? [] : [problem('error', broken, broken), '    </testcase>']),
    ...verdicts.flatMap((verdict) => [
      `  ${element('testcase', { name: verdict.name, classname, ...time(0) }, verdict.holds)}`,
      ...(verdict.holds
        ? []
        : [problem('failure', verdict.saw, [verdict.saw, ...verdict.details].join('\n')), '    </testcase>']),
    ]),
    `    <system-out>${text([...notesOf(report), ...again].join('\n'))}</system-out>`,
    `    <system-err>${text(report.smallest === undefined ? '' : `Smallest that fails: ${report.smallest.command}`)}</system-err>`,
    '  </testsuite>',
    '</testsuites>',
  ]
  return `${lines.join('\n')}\n`
}

function problem(kind: 'error' | 'failure', message: string, body: string): string {
  return `      <${kind} message="${attribute(message)}" type="${kind === 'error' ? 'broken' : 'expectation'}">${text(body)}</${kind}>`
}

function element(name: string, attributes: Record<string, string | number>, isClosed = false): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${attribute(String(value))}"`)
  return `  <${name}${written.join('')}${isClosed ? '/>' : '>'}`
}

/** XML 1.0 knows no control characters, however they are written. */
function text(value: string): string {
  return value
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}

function attribute(value: string): string {
  return text(value).replaceAll('"', '&quot;').replaceAll('\n', '&#10;')
}
