import type { Home, HomeStore } from '../ports/homes.ts'
import type { Db } from './database.ts'

const COLUMNS = 'home_id AS homeId, time_zone AS timeZone'

/** `HomeStore` over the gateway's database. */
export function sqliteHomeStore(db: Db): HomeStore {
  const all = db.prepare<[], Home>(`SELECT ${COLUMNS} FROM homes ORDER BY home_id`)
  const one = db.prepare<[string], Home>(`SELECT ${COLUMNS} FROM homes WHERE home_id = ?`)
  return {
    async list() {
      return all.all()
    },
    async get(homeId) {
      return one.get(homeId)
    },
    async put(home) {
      return putHome(db, home)
    },
  }
}

/** Makes the configured home known, or notes its new time zone. */
export function ensureHome(db: Db, { id, timeZone }: { id: string; timeZone: string }): void {
  putHome(db, { homeId: id, timeZone })
}

function putHome(db: Db, home: Home): 'added' | 'changed' | 'known' {
  const put = db.transaction(() => {
    const known = db.prepare<[string], string>('SELECT time_zone FROM homes WHERE home_id = ?').pluck().get(home.homeId)
    if (known === home.timeZone) return 'known'
    if (known === undefined) {
      db.prepare('INSERT INTO homes (home_id, time_zone) VALUES (@homeId, @timeZone)').run(home)
      return 'added'
    }
    db.prepare('UPDATE homes SET time_zone = @timeZone WHERE home_id = @homeId').run(home)
    db.prepare(
      'UPDATE slots SET evaluate = 1 WHERE device_id IN (SELECT device_id FROM devices WHERE home_id = @homeId)',
    ).run({ homeId: home.homeId })
    return 'changed'
  })
  return put.immediate()
}
