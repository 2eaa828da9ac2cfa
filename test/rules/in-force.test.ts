import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rulesInForce } from '../../gateway/rules/in-force.ts'
import { type Db, openDatabase } from '../../gateway/store/database.ts'
import { sqliteFeedStore } from '../../gateway/store/feed.ts'
import { ensureHome } from '../../gateway/store/homes.ts'
import { sqliteRulesVersionStore } from '../../gateway/store/rules-versions.ts'

let folder: string
let file: string
let db: Db
let realMs = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'in-force-'))
  file = join(folder, 'rules.yaml')
  db = openDatabase(join(folder, 'gateway.db'), 'gateway')
  ensureHome(db, { id: 'home', timeZone: 'UTC' })
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

const text = (name: string) =>
  `rules:\n  - name: ${name}\n    when: { level: { below: 20 % } }\n    then: { order: {} }\n`
const start = (program = '1') =>
  rulesInForce({
    file,
    store: sqliteRulesVersionStore(db, []),
    program,
    nowMs: 7,
    realMs: () => realMs,
  })
const texts = async () => (await sqliteFeedStore(db).feed('home', 0, 100)).map((entry) => `${entry.kind} ${entry.text}`)
const versions = () =>
  db.prepare('SELECT version, source, text FROM rules_versions ORDER BY version').all() as {
    version: number
    source: string
  }[]

describe('the rules in force', () => {
  it('are the built-in ones for a home that wrote none, and the same version after a restart', async () => {
    const rules = await start()
    expect(rules.current()).toMatchObject({ version: 1, source: 'built-in', problem: undefined })
    expect(rules.current().rules.rules[0]?.name).toBe('order what the forecast needs')
    expect((await start()).current().version).toBe(1)
    expect((await start('2')).current().version).toBe(2)
    expect(await texts()).toEqual([])
  })

  it('are those of a file that is there at the start, and nobody is told what is new to nobody', async () => {
    writeFileSync(file, text('mine'))
    const rules = await start()
    expect(rules.current()).toMatchObject({ version: 1, source: 'file' })
    expect(rules.current().rules.rules[0]?.name).toBe('mine')
    expect(await texts()).toEqual([])
    writeFileSync(file, text('changed while it was off'))
    expect((await start()).current().version).toBe(2)
    expect(await texts()).toEqual([`update The rules of ${file} are in force.`])
  })

  it('follow the file once it has stood still for half a second, and every slot is decided anew', async () => {
    db.exec(`INSERT INTO devices (device_id, home_id, secret_sha256, key_address, key_sealed, added_at_ms) VALUES ('d', 'home', x'00', '', x'00', 0);
             INSERT INTO slots (device_id, slot) VALUES ('d', 's');`)
    const rules = await start()
    db.exec('UPDATE slots SET evaluate = 0')
    writeFileSync(file, text('first'))
    await rules.refresh(10)
    realMs += 499
    await rules.refresh(11)
    expect(rules.current().version).toBe(1)
    writeFileSync(file, text('second one'))
    realMs += 499
    await rules.refresh(12)
    realMs += 499
    await rules.refresh(13)
    expect(rules.current().version).toBe(1)
    realMs += 1
    await rules.refresh(14)
    expect(rules.current()).toMatchObject({ version: 2, source: 'file' })
    expect(rules.current().rules.rules[0]?.name).toBe('second one')
    expect(await texts()).toEqual([`update The rules of ${file} are in force.`])
    expect(db.prepare('SELECT evaluate FROM slots').get()).toEqual({ evaluate: 1 })
    await rules.refresh(15)
    expect(versions()).toHaveLength(2)
  })

  const settle = async (rules: Awaited<ReturnType<typeof start>>) => {
    await rules.refresh(20)
    realMs += 500
    await rules.refresh(21)
  }

  it('stay whole when the file has a mistake, which is told once with its line', async () => {
    writeFileSync(file, text('good'))
    const rules = await start()
    writeFileSync(file, text('bad').replace('level', 'lvel'))
    await settle(rules)
    const problem = `${file} has a mistake. Line 3: rules[1].when.lvel is not known here. There are level, daysLeft, event, fault, timeOfDay, price, budget.`
    expect(rules.current()).toMatchObject({ version: 1, source: 'file', problem })
    expect(rules.current().rules.rules[0]?.name).toBe('good')
    await settle(rules)
    expect(await texts()).toEqual([`problem ${problem} The rules from before stay in force.`])

    const again = await start()
    expect(again.current()).toMatchObject({ version: 1, source: 'file', problem })
    expect(again.current().rules.rules[0]?.name).toBe('good')
    writeFileSync(file, text('mended'))
    await settle(again)
    expect(again.current()).toMatchObject({ version: 2, problem: undefined })
  })

  it('are the built-in ones beside a file that never was good, and at most five mistakes are told', async () => {
    writeFileSync(file, 'a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1')
    const rules = await start()
    expect(rules.current()).toMatchObject({ source: 'built-in' })
    expect((await texts())[0]).toMatch(
      /has 7 mistakes\. Line 1: .* Line 4: .*And 2 more\. The built-in rules stay in force\.$/,
    )
  })

  it('are the built-in ones again when the file is gone, which is told', async () => {
    writeFileSync(file, text('mine'))
    const rules = await start()
    rmSync(file)
    await settle(rules)
    expect(rules.current()).toMatchObject({ version: 2, source: 'built-in' })
    expect(await texts()).toEqual([`update ${file} is gone: the built-in rules are in force.`])
    writeFileSync(file, text('mine'))
    await settle(rules)
    rmSync(file)
    expect((await start()).current()).toMatchObject({ version: 4, source: 'built-in' })
    expect(await texts()).toHaveLength(3)
  })
})
