/**
 * The clock on the wall of a home. Rules, quiet hours and budgets mean local time, which jumps twice a year in many
 * places: an hour that does not exist in spring, one that comes twice in autumn. Only the IANA name of the zone is kept.
 */

export const PERIODS = ['day', 'week', 'month', 'year'] as const
export type Period = (typeof PERIODS)[number]

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof WEEKDAYS)[number]

/** A span of the wall clock in minutes after midnight, `from` inclusive, `to` exclusive; it may span midnight. */
export type DailyWindow = { fromMinute: number; toMinute: number; days?: readonly Weekday[] | undefined }

type LocalDate = { year: number; month: number; day: number }
type LocalTime = LocalDate & { weekday: Weekday; minuteOfDay: number }

export type HomeCalendar = ReturnType<typeof homeCalendar>

const MINUTE_MS = 60_000
const DAY_MINUTES = 1_440
/** Longer than any clock change, shorter than the time between two. */
const AROUND_MS = 26 * 60 * MINUTE_MS
/** A window of one weekday begins within 8 days. */
const DAYS_AHEAD = 8

/** Whether it is a name of the IANA list, such as Europe/Berlin. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
  } catch {
    return false
  }
}

/** The calendar of one IANA time zone; throws `RangeError` for a name that is none. */
export function homeCalendar(timeZone: string) {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  // Every slot of one step asks about the same moment.
  let last: { atMs: number; local: LocalTime } | undefined

  function localTime(atMs: number): LocalTime {
    if (last?.atMs === atMs) return last.local
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of format.formatToParts(atMs)) parts[type] = Number(value)
    const date = { year: parts.year ?? 0, month: parts.month ?? 1, day: parts.day ?? 1 }
    const minuteOfDay = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
    const local = { ...date, weekday: weekdayOf(date), minuteOfDay }
    last = { atMs, local }
    return local
  }

  /** How far the wall clock is ahead of UTC at that moment, in ms, whole minutes. */
  function offsetMs(atMs: number): number {
    const { minuteOfDay, ...date } = localTime(atMs)
    return wallMs(date, minuteOfDay) - Math.floor(atMs / MINUTE_MS) * MINUTE_MS
  }

  /** When the wall clock first shows this minute of this date, or jumps past it. */
  function firstInstant(date: LocalDate, minuteOfDay: number): number {
    const wall = wallMs(date, minuteOfDay)
    const before = wall - offsetMs(wall - AROUND_MS)
    const after = wall - offsetMs(wall + AROUND_MS)
    const earliest = Math.min(before, after)
    if (earliest + offsetMs(earliest) === wall) return earliest
    // The hour that is left out: the first moment after it. The zones change on whole minutes.
    let [shows, past] = [earliest - MINUTE_MS, Math.max(before, after)]
    while (past - shows > MINUTE_MS) {
      const middle = shows + Math.floor((past - shows) / 2 / MINUTE_MS) * MINUTE_MS
      if (middle + offsetMs(middle) < wall) shows = middle
      else past = middle
    }
    return past
  }

  function isWithin({ fromMinute, toMinute, days }: DailyWindow, atMs: number): boolean {
    const { minuteOfDay, weekday } = localTime(atMs)
    const spansMidnight = fromMinute >= toMinute
    // The hours after midnight belong to the day on which the window began.
    const isAfterMidnight = spansMidnight && minuteOfDay < toMinute
    const isInside = spansMidnight
      ? minuteOfDay >= fromMinute || isAfterMidnight
      : minuteOfDay >= fromMinute && minuteOfDay < toMinute
    const began = isAfterMidnight ? WEEKDAYS.at(WEEKDAYS.indexOf(weekday) - 1)! : weekday
    return isInside && (days === undefined || days.includes(began))
  }

  return {
    timeZone,

    /** Whether the wall clock is inside the window; `days` are those on which it begins. */
    isWithin,

    /** The next moment after `atMs` at which the window begins or ends; undefined for one that never does. */
    nextChangeMs(window: DailyWindow, atMs: number): number | undefined {
      const inside = isWithin(window, atMs)
      const today = localTime(atMs)
      for (let day = -1; day <= DAYS_AHEAD; day++) {
        const date = addDays(today, day)
        const changes = [window.fromMinute, window.toMinute].map((minute) => firstInstant(date, minute))
        const next = changes.sort((a, b) => a - b).find((ms) => ms > atMs && isWithin(window, ms) !== inside)
        if (next !== undefined) return next
      }
      return undefined
    },

    /** When the local day, week (from Monday), month or year that holds `atMs` began. */
    periodStartMs(period: Period, atMs: number): number {
      const today = localTime(atMs)
      switch (period) {
        case 'day':
          return firstInstant(today, 0)
        case 'week':
          return firstInstant(addDays(today, -WEEKDAYS.indexOf(today.weekday)), 0)
        case 'month':
          return firstInstant({ ...today, day: 1 }, 0)
        case 'year':
          return firstInstant({ ...today, month: 1, day: 1 }, 0)
      }
    },
  }
}

/** `07:30` as 450; the text has been checked. */
export function minuteOf(clock: string): number {
  const [hours, minutes] = clock.split(':')
  return (Number(hours) * 60 + Number(minutes)) % DAY_MINUTES
}

/** What a UTC clock would show as this local time, in ms since 1970. */
function wallMs({ year, month, day }: LocalDate, minuteOfDay: number): number {
  return Date.UTC(year, month - 1, day) + minuteOfDay * MINUTE_MS
}

function addDays({ year, month, day }: LocalDate, days: number): LocalDate {
  const date = new Date(Date.UTC(year, month - 1, day + days))
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

function weekdayOf({ year, month, day }: LocalDate): Weekday {
  return WEEKDAYS[(new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7]!
}
