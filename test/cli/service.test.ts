import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { installSentence, missingDebianPackages } from '../support/debian.ts'
import { adeptOn } from './run-adept.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adept-service-'))
  return () => rmSync(folder, { recursive: true })
})
const { run: adept, json } = adeptOn(() => folder)

test('the unit is one that systemd takes, whatever the name of the data folder', async () => {
  if (missingDebianPackages().includes('systemd')) throw new Error(installSentence(['systemd']))
  const dataFolder = join(folder, 'a "home" at 100 % $HOME')
  const { unit } = (await json('service', 'print', '--data', dataFolder)) as { unit: string }
  const file = join(folder, 'adept.service')
  writeFileSync(file, unit)
  // systemd itself reads it; what it would run is what we meant.
  expect(execFileSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8', stdio: 'pipe' })).toBe('')
  expect(unit).toContain(`ReadWritePaths="${join(folder, 'a \\"home\\" at 100 %% $HOME')}"`)
  expect(unit).toContain(`"--data" "${join(folder, 'a \\"home\\" at 100 %% $$HOME')}"`)
  expect(unit).toContain('KillMode=mixed')
  expect(unit).toContain('RestartPreventExitStatus=2 3')
})

test('removing what is not installed says so', async () => {
  const { code, err } = await adept('service', 'remove')
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringMatching(/adept\.service: the service is not installed\.\n$/),
  })
})
