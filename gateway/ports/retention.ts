/** What is kept of the past, and for how long. */
export type RetentionLimits = {
  /** Age from which a single reading goes; its hour stays. */
  rawMs: number
  /** Single readings that are kept at most, whatever their age. */
  rawReadings: number
}

export type RetentionStore = {
  /**
   * One small slice in one transaction, some ms: adds readings to their hours, or deletes what is older than the limits.
   * `more`: the slice was full, and the next has work at once.
   */
  step(nowMs: number): Promise<{ worked: boolean; more: boolean }>
}

/** One hour of one series; the numbers are those of verified levels and of telemetry, undefined when there were none. */
export type HourView = {
  kind: 'consumable' | 'telemetry' | 'event'
  /** The slot, the name of the value, the type of the event; empty for all that were too many to tell apart. */
  name: string
  /** Of a level; empty otherwise. */
  unit: string
  startsAtMs: number
  /** All of the hour, and those that the numbers below count. */
  readings: number
  counted: number
  first: number | undefined
  last: number | undefined
  least: number | undefined
  most: number | undefined
  mean: number | undefined
}

export type HourStore = {
  /** Hours of a device that begin then or later, newest first, at most `limit`; with what the present hour holds so far. */
  hours(homeId: string, deviceId: string, sinceMs: number, limit: number): Promise<HourView[]>
}
