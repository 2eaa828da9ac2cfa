import type { RulesVersion, RulesVersionStore } from '../ports/rules.ts'
import { type Db, inOneTransaction } from './database.ts'
import { type Channel, notifier } from './notifications.ts'

type Row = { version: number; text: string; source: 'built-in' | 'file'; program: string; accepted_at_ms: number }

/** `RulesVersionStore` over the gateway's database. */
export function sqliteRulesVersionStore(db: Db, channels: readonly Channel[]): RulesVersionStore {
  const tell = notifier(db, channels)
  const homes = db.prepare<[], string>('SELECT home_id FROM homes').pluck()
  const latest = db.prepare<[], Row>('SELECT * FROM rules_versions ORDER BY version DESC LIMIT 1')
  const insert = db.prepare(
    `INSERT INTO rules_versions (text, source, program, accepted_at_ms) VALUES (@text, @source, @program, @acceptedAtMs)`,
  )
  const decideAll = db.prepare('UPDATE slots SET evaluate = 1')
  function tellAll(kind: 'update' | 'problem', text: string, atMs: number): void {
    for (const homeId of homes.all()) tell({ homeId, kind, text }, atMs)
  }
  return {
    async latest() {
      const row = latest.get()
      return row && versionOf(row)
    },
    accept: inOneTransaction(db, (rules, sentence) => {
      const last = latest.get()
      // The same text read by the same program decides the same: a restart makes no version.
      if (last?.text === rules.text && last.source === rules.source && last.program === rules.program) {
        return versionOf(last)
      }
      const version = Number(insert.run(rules).lastInsertRowid)
      decideAll.run()
      if (sentence !== undefined) tellAll('update', sentence, rules.acceptedAtMs)
      return { ...rules, version }
    }),
    refuse: inOneTransaction(db, (sentence, atMs) => tellAll('problem', sentence, atMs)),
  }
}

function versionOf(row: Row): RulesVersion {
  return {
    version: row.version,
    text: row.text,
    source: row.source,
    program: row.program,
    acceptedAtMs: row.accepted_at_ms,
  }
}
