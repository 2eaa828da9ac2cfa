import { describe, expect, it } from 'vitest'
import {
  type DailyWindow,
  homeCalendar,
  isTimeZone,
  minuteOf,
  type Period,
} from '../../gateway/domain/home-calendar.ts'

const berlin = homeCalendar('Europe/Berlin')
const iso = (atMs: number | undefined) => (atMs === undefined ? undefined : new Date(atMs).toISOString())
const at = (text: string) => Date.parse(text)
const window = (from: string, to: string, days?: DailyWindow['days']): DailyWindow => ({
  fromMinute: minuteOf(from),
  toMinute: minuteOf(to),
  days,
})
const NIGHT = window('22:00', '07:00')

it('reads a time of day', () => {
  expect([minuteOf('00:00'), minuteOf('07:30'), minuteOf('23:59')]).toEqual([0, 450, 1439])
})

describe('a daily window', () => {
  it.each([
    ['2025-06-10T19:59:59Z', false],
    ['2025-06-10T20:00:00Z', true],
    ['2025-06-11T00:00:00Z', true],
    ['2025-06-11T04:59:59Z', true],
    ['2025-06-11T05:00:00Z', false],
  ])('spans midnight: %s %s', (text, inside) => expect(berlin.isWithin(NIGHT, at(text))).toBe(inside))

  it.each([
    ['2025-06-10T05:59:59Z', false],
    ['2025-06-10T06:00:00Z', true],
    ['2025-06-10T17:59:59Z', true],
    ['2025-06-10T18:00:00Z', false],
  ])('lies within a day: %s %s', (text, inside) =>
    expect(berlin.isWithin(window('08:00', '20:00'), at(text))).toBe(inside),
  )

  it('belongs to the day on which it began', () => {
    const saturday = window('22:00', '02:00', ['sat'])
    expect(berlin.isWithin(saturday, at('2025-06-14T20:30:00Z'))).toBe(true)
    expect(berlin.isWithin(saturday, at('2025-06-14T23:30:00Z'))).toBe(true)
    expect(berlin.isWithin(saturday, at('2025-06-15T20:30:00Z'))).toBe(false)
    expect(berlin.isWithin(saturday, at('2025-06-13T23:30:00Z'))).toBe(false)
    const monday = window('22:00', '02:00', ['mon'])
    expect(berlin.isWithin(monday, at('2025-06-16T22:30:00Z'))).toBe(true)
    expect(berlin.isWithin(window('08:00', '20:00', ['mon', 'wed']), at('2025-06-18T10:00:00Z'))).toBe(true)
    expect(berlin.isWithin(window('08:00', '20:00', ['mon', 'wed']), at('2025-06-17T10:00:00Z'))).toBe(false)
  })

  it('says when it begins or ends next', () => {
    expect(iso(berlin.nextChangeMs(NIGHT, at('2025-06-10T10:00:00Z')))).toBe('2025-06-10T20:00:00.000Z')
    expect(iso(berlin.nextChangeMs(NIGHT, at('2025-06-10T20:00:00Z')))).toBe('2025-06-11T05:00:00.000Z')
    expect(iso(berlin.nextChangeMs(NIGHT, at('2025-06-11T04:59:59Z')))).toBe('2025-06-11T05:00:00.000Z')
    const wednesday = window('08:00', '20:00', ['wed'])
    expect(iso(berlin.nextChangeMs(wednesday, at('2025-06-18T18:00:00Z')))).toBe('2025-06-25T06:00:00.000Z')
    expect(iso(berlin.nextChangeMs(wednesday, at('2025-06-18T06:00:00Z')))).toBe('2025-06-18T18:00:00.000Z')
    expect(iso(berlin.nextChangeMs(window('22:00', '02:00', ['sat']), at('2025-06-14T23:00:00Z')))).toBe(
      '2025-06-15T00:00:00.000Z',
    )
  })
})

describe('the hour that is left out in spring', () => {
  // Berlin, 30 March 2025: 02:00 becomes 03:00 at 01:00 UTC.
  it('begins and ends what would fall into it when it is over', () => {
    const begins = window('02:30', '12:00')
    expect(iso(berlin.nextChangeMs(begins, at('2025-03-29T23:00:00Z')))).toBe('2025-03-30T01:00:00.000Z')
    expect(berlin.isWithin(begins, at('2025-03-30T00:59:59Z'))).toBe(false)
    expect(berlin.isWithin(begins, at('2025-03-30T01:00:00Z'))).toBe(true)
    const ends = window('22:00', '02:30')
    expect(iso(berlin.nextChangeMs(ends, at('2025-03-29T23:00:00Z')))).toBe('2025-03-30T01:00:00.000Z')
    expect(berlin.isWithin(ends, at('2025-03-30T01:00:00Z'))).toBe(false)
  })

  it('makes the night an hour shorter', () => {
    const begin = berlin.nextChangeMs(NIGHT, at('2025-03-29T12:00:00Z'))!
    const end = berlin.nextChangeMs(NIGHT, begin)!
    expect((end - begin) / 3_600_000).toBe(8)
  })

  it('may begin at midnight, and the day with it: Beirut, 30 March 2025', () => {
    const beirut = homeCalendar('Asia/Beirut')
    expect(iso(beirut.periodStartMs('day', at('2025-03-30T10:00:00Z')))).toBe('2025-03-29T22:00:00.000Z')
    expect(iso(beirut.nextChangeMs(window('00:30', '06:00'), at('2025-03-29T21:00:00Z')))).toBe(
      '2025-03-29T22:00:00.000Z',
    )
  })
})

describe('the hour that comes twice in autumn', () => {
  // Berlin, 26 October 2025: 03:00 becomes 02:00 at 01:00 UTC.
  it('is the same on the wall both times', () => {
    const early = window('02:15', '02:45')
    expect(berlin.isWithin(early, at('2025-10-26T00:30:00Z'))).toBe(true)
    expect(berlin.isWithin(early, at('2025-10-26T01:30:00Z'))).toBe(true)
    expect(berlin.isWithin(early, at('2025-10-26T00:50:00Z'))).toBe(false)
    expect(iso(berlin.nextChangeMs(early, at('2025-10-25T22:00:00Z')))).toBe('2025-10-26T00:15:00.000Z')
  })

  it('ends what ends in it the first time', () => {
    expect(iso(berlin.nextChangeMs(window('02:15', '02:45'), at('2025-10-26T00:20:00Z')))).toBe(
      '2025-10-26T00:45:00.000Z',
    )
    expect(iso(berlin.nextChangeMs(window('01:00', '02:45'), at('2025-10-26T00:00:00Z')))).toBe(
      '2025-10-26T00:45:00.000Z',
    )
  })

  it('makes the night an hour longer', () => {
    const begin = berlin.nextChangeMs(NIGHT, at('2025-10-25T12:00:00Z'))!
    const end = berlin.nextChangeMs(NIGHT, begin)!
    expect((end - begin) / 3_600_000).toBe(10)
  })
})

describe('a period of the local calendar', () => {
  it.each([
    ['Europe/Berlin', 'day', '2025-06-10T22:30:00Z', '2025-06-10T22:00:00.000Z'],
    ['Europe/Berlin', 'day', '2025-06-10T21:59:59Z', '2025-06-09T22:00:00.000Z'],
    ['Europe/Berlin', 'day', '2025-03-30T12:00:00Z', '2025-03-29T23:00:00.000Z'],
    ['Europe/Berlin', 'day', '2025-10-26T12:00:00Z', '2025-10-25T22:00:00.000Z'],
    ['Europe/Berlin', 'week', '2025-06-11T12:00:00Z', '2025-06-08T22:00:00.000Z'],
    ['Europe/Berlin', 'week', '2025-06-08T21:59:59Z', '2025-06-01T22:00:00.000Z'],
    ['Europe/Berlin', 'week', '2025-06-08T22:00:00Z', '2025-06-08T22:00:00.000Z'],
    ['Europe/Berlin', 'month', '2025-04-15T12:00:00Z', '2025-03-31T22:00:00.000Z'],
    ['Europe/Berlin', 'month', '2025-03-31T22:30:00Z', '2025-03-31T22:00:00.000Z'],
    ['Europe/Berlin', 'month', '2025-03-31T12:00:00Z', '2025-02-28T23:00:00.000Z'],
    ['Europe/Berlin', 'year', '2025-07-01T12:00:00Z', '2024-12-31T23:00:00.000Z'],
    ['America/New_York', 'month', '2025-11-02T12:00:00Z', '2025-11-01T04:00:00.000Z'],
    ['Pacific/Auckland', 'day', '2025-06-10T13:00:00Z', '2025-06-10T12:00:00.000Z'],
    ['Asia/Kolkata', 'day', '2025-06-10T18:29:00Z', '2025-06-09T18:30:00.000Z'],
    ['UTC', 'month', '2025-03-01T00:00:00Z', '2025-03-01T00:00:00.000Z'],
    ['Pacific/Apia', 'day', '2025-06-10T12:00:00Z', '2025-06-10T11:00:00.000Z'],
  ] as [string, Period, string, string][])('%s, the %s of %s', (timeZone, period, time, start) => {
    expect(iso(homeCalendar(timeZone).periodStartMs(period, at(time)))).toBe(start)
  })
})

it('knows the names of time zones', () => {
  expect(['Europe/Berlin', 'UTC', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false])
})

it('refuses a time zone that is none', () => {
  expect(() => homeCalendar('Mars/Olympus')).toThrow(RangeError)
})
