import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

/** Licences of the MIT, Apache-2.0, BSD and ISC class, as SPDX names; a choice ("OR") needs one of them. */
const ACCEPTED = [
  'MIT',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
  'Python-2.0',
]

/** Tools that are not shipped may also be under MPL-2.0 or, for data, CC-BY-4.0; one names its licence only in its file. */
const ACCEPTED_OF_TOOLS = [...ACCEPTED, 'MPL-2.0', 'CC-BY-4.0']
const NAMED_ELSEWHERE: Record<string, string> = { 'node_modules/memorystream': 'MIT' }

type Package = { license?: string; dev?: boolean; optional?: boolean }

it('depends only on packages with permissive licences', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Package> }
  const installed = Object.entries(lock.packages).filter(([path]) => path !== '' && existsSync(path))
  expect(installed.length).toBeGreaterThan(50)

  const refused = installed.flatMap(([path, entry]) => {
    const licence = entry.license ?? NAMED_ELSEWHERE[path] ?? licenceOf(path)
    const accepted = entry.dev ? ACCEPTED_OF_TOOLS : ACCEPTED
    const choices = licence.replace(/[()]/g, '').split(' OR ')
    return choices.some((choice) => choice.split(' AND ').every((part) => accepted.includes(part)))
      ? []
      : [`${path}: ${licence}`]
  })
  expect(refused).toEqual([])
})

function licenceOf(path: string): string {
  const { license } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as { license?: string }
  return license ?? 'none named'
}
