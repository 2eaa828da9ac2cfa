import type { LevelMark } from '../domain/level.ts'
import type { HourStore, HourView } from '../ports/retention.ts'
import type { Db } from './database.ts'
import { READING_KINDS } from './intake.ts'

export const HOUR_MS = 3_600_000
/** What was measured longer before it came is in no hour's numbers: nobody knows when it was, or it is a flood of hours. */
const MAX_LATE_HOURS = 30 * 24
/** A device with more names than this has the rest only counted, under none. 16 slots, 64 values and some events fit. */
const MAX_SERIES_PER_DEVICE = 128
const MAX_CACHED_SERIES = 50_000
/** Of those that are not in an hour yet, so many of all devices are looked through: some 50 ms. */
const NEWEST_SEARCHED = 200_000

/** What of a reading goes into an hour. */
export type HourlyReading = {
  device_id: string
  kind: number
  measured_at_ms: number
  received_at_ms: number
  slot: string | null
  remaining: number | null
  mark: LevelMark | null
  body: string
}
export const HOURLY_COLUMNS = 'device_id, kind, measured_at_ms, received_at_ms, slot, remaining, mark, body'

/** Sums of one hour of one series. The times say which of two parts of an hour has the first and the last. */
type Sums = {
  readings: number
  counted: number
  first: number | null
  first_at_ms: number | null
  last: number | null
  last_at_ms: number | null
  least: number | null
  most: number | null
  total: number
}
type Series = { deviceId: string; kind: number; name: string; unit: string }
type SeriesHour = Series & { hour: number; sums: Sums }

/** Adds readings up, hour by hour. */
function hourSums() {
  const hours = new Map<string, SeriesHour>()

  function count(series: Series, hour: number, value: number | undefined, atMs: number): void {
    const key = `${series.deviceId}/${series.kind}/${series.unit}/${hour}/${series.name}`
    const known = hours.get(key)
    const sums = sumsOf(value, atMs)
    if (known === undefined) hours.set(key, { ...series, hour, sums })
    else known.sums = joined(known.sums, sums)
  }

  return {
    add(row: HourlyReading): void {
      const receivedHour = Math.floor(row.received_at_ms / HOUR_MS)
      const measuredHour = Math.floor(row.measured_at_ms / HOUR_MS)
      const isPlaced = measuredHour >= receivedHour - MAX_LATE_HOURS
      for (const { name, unit, value } of valuesOf(row)) {
        const series = { deviceId: row.device_id, kind: row.kind, name, unit }
        if (isPlaced) count(series, measuredHour, value, row.measured_at_ms)
        else count(series, receivedHour, undefined, row.received_at_ms)
      }
    },
    all: () => hours.values(),
  }
}

/** The numbers in a reading, by the series to which each belongs; a value that does not count is undefined. */
function valuesOf(row: HourlyReading): { name: string; unit: string; value: number | undefined }[] {
  const body = JSON.parse(row.body) as { unit?: string; values?: Record<string, number>; type?: string }
  switch (READING_KINDS[row.kind]) {
    case 'consumable': {
      const value = row.mark === 'verified' ? (row.remaining ?? undefined) : undefined
      return [{ name: row.slot ?? '', unit: body.unit ?? '', value }]
    }
    case 'telemetry':
      return Object.entries(body.values ?? {}).map(([name, value]) => ({ name, unit: '', value }))
    default:
      return [{ name: body.type ?? '', unit: '', value: undefined }]
  }
}

function sumsOf(value: number | undefined, atMs: number): Sums {
  if (value === undefined) {
    const none = { first: null, first_at_ms: null, last: null, last_at_ms: null, least: null, most: null }
    return { readings: 1, counted: 0, ...none, total: 0 }
  }
  const ends = { first: value, first_at_ms: atMs, last: value, last_at_ms: atMs }
  return { readings: 1, counted: 1, ...ends, least: value, most: value, total: value }
}

/** Both parts of an hour; of two values at the same time the one that was stored later is the last. */
function joined(before: Sums, after: Sums): Sums {
  const readings = before.readings + after.readings
  if (after.counted === 0) return { ...before, readings }
  if (before.counted === 0) return { ...after, readings }
  const startsWithAfter = after.first_at_ms! < before.first_at_ms!
  const endsWithAfter = after.last_at_ms! >= before.last_at_ms!
  return {
    readings,
    counted: before.counted + after.counted,
    first: startsWithAfter ? after.first : before.first,
    first_at_ms: startsWithAfter ? after.first_at_ms : before.first_at_ms,
    last: endsWithAfter ? after.last : before.last,
    last_at_ms: endsWithAfter ? after.last_at_ms : before.last_at_ms,
    least: Math.min(before.least!, after.least!),
    most: Math.max(before.most!, after.most!),
    total: before.total + after.total,
  }
}

/** Adds readings to the hours that are kept, inside the transaction of the caller. After a rollback: `forget`. */
export function hourWriter(db: Db) {
  const find = db.prepare<[string, number, string, string], { series_key: number }>(
    'SELECT series_key FROM series WHERE device_id = ? AND kind = ? AND name = ? AND unit = ?',
  )
  const countSeries = db.prepare<[string], { n: number }>('SELECT count(*) AS n FROM series WHERE device_id = ?')
  const insert = db.prepare('INSERT INTO series (device_id, kind, name, unit) VALUES (?, ?, ?, ?)')
  const read = db.prepare<[number, number], Sums>('SELECT * FROM readings_hourly WHERE series_key = ? AND hour = ?')
  const write = db.prepare(
    `INSERT OR REPLACE INTO readings_hourly
     VALUES (@key, @hour, @readings, @counted, @first, @first_at_ms, @last, @last_at_ms, @least, @most, @total)`,
  )
  const cache = new Map<string, number>()

  /** Undefined: the device has too many already. */
  function keyOf({ deviceId, kind, name, unit }: Series): number | undefined {
    const cached = `${deviceId}/${kind}/${unit}/${name}`
    let key = cache.get(cached) ?? find.get(deviceId, kind, name, unit)?.series_key
    if (key === undefined) {
      if (name !== '' && countSeries.get(deviceId)!.n >= MAX_SERIES_PER_DEVICE) return undefined
      key = Number(insert.run(deviceId, kind, name, unit).lastInsertRowid)
    }
    if (cache.size >= MAX_CACHED_SERIES) cache.clear()
    cache.set(cached, key)
    return key
  }

  function put(key: number, hour: number, added: Sums): void {
    const kept = read.get(key, hour)
    write.run({ key, hour, ...(kept === undefined ? added : joined(kept, added)) })
  }

  return {
    add(rows: readonly HourlyReading[]): void {
      const sums = hourSums()
      for (const row of rows) sums.add(row)
      for (const { hour, sums: added, ...series } of sums.all()) {
        const key = keyOf(series)
        if (key !== undefined) put(key, hour, added)
        // Numbers of several names together would mean nothing.
        else put(keyOf({ ...series, name: '', unit: '' })!, hour, { ...sumsOf(undefined, 0), readings: added.readings })
      }
    },
    forget: () => cache.clear(),
  }
}

/** `HourStore` over the gateway's database. */
export function sqliteHourStore(db: Db): HourStore {
  const kept = db.prepare<
    [string, string, number, number],
    Sums & { kind: number; name: string; unit: string; hour: number }
  >(
    `SELECT kind, name, unit, readings_hourly.* FROM series JOIN readings_hourly USING (series_key)
     WHERE device_id = (SELECT device_id FROM devices WHERE home_id = ? AND device_id = ?) AND hour >= ?
     ORDER BY hour DESC, series_key LIMIT ?`,
  )
  const recent = db.prepare<[string, string], HourlyReading>(
    `SELECT ${HOURLY_COLUMNS} FROM readings JOIN sessions USING (session_key)
     WHERE device_id = (SELECT device_id FROM devices WHERE home_id = ? AND device_id = ?)
       AND reading_id > max((SELECT hours_until FROM retention), (SELECT max(reading_id) FROM readings) - ${NEWEST_SEARCHED})
     ORDER BY reading_id`,
  )
  const readBoth = db.transaction((homeId: string, deviceId: string, sinceHour: number, limit: number) => ({
    keptRows: kept.all(homeId, deviceId, sinceHour, limit),
    recentRows: recent.all(homeId, deviceId),
  }))
  return {
    async hours(homeId, deviceId, sinceMs, limit) {
      const sinceHour = Math.ceil(sinceMs / HOUR_MS)
      const { keptRows, recentRows } = readBoth(homeId, deviceId, sinceHour, limit)
      const hours = new Map<string, SeriesHour>()
      const keyOf = ({ kind, name, unit, hour }: Omit<SeriesHour, 'sums' | 'deviceId'>) =>
        `${hour}/${kind}/${unit}/${name}`
      for (const { kind, name, unit, hour, ...sums } of keptRows) {
        hours.set(keyOf({ kind, name, unit, hour }), { deviceId, kind, name, unit, hour, sums })
      }
      const added = hourSums()
      for (const row of recentRows) added.add(row)
      for (const part of added.all()) {
        const known = hours.get(keyOf(part))
        if (known !== undefined) known.sums = joined(known.sums, part.sums)
        else if (part.hour >= sinceHour) hours.set(keyOf(part), part)
      }
      return [...hours.values()]
        .sort((a, b) => b.hour - a.hour)
        .slice(0, limit)
        .map(viewOf)
    },
  }
}

function viewOf({ kind, name, unit, hour, sums }: SeriesHour): HourView {
  const { readings, counted, first, last, least, most, total } = sums
  return {
    kind: READING_KINDS[kind]!,
    name,
    unit,
    startsAtMs: hour * HOUR_MS,
    readings,
    counted,
    first: first ?? undefined,
    last: last ?? undefined,
    least: least ?? undefined,
    most: most ?? undefined,
    mean: counted === 0 ? undefined : total / counted,
  }
}
