import type { Db } from './database.ts'

/** Makes the configured home known, or notes its new time zone. */
export function ensureHome(db: Db, home: { id: string; timeZone: string }): void {
  db.prepare(
    `INSERT INTO homes (home_id, time_zone) VALUES (@id, @timeZone)
     ON CONFLICT (home_id) DO UPDATE SET time_zone = excluded.time_zone`,
  ).run(home)
}
