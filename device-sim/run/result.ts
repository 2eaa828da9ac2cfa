/** What a run came to, pure or real. Days are virtual and counted from the start of the scenario, the first being 0. */
export type RunResult = {
  kind: 'pure' | 'real'
  seed: string
  virtualDays: number
  /** Of the run itself, without raising and ending the processes. */
  realSeconds: number
  homes: number
  devices: number
  /** In the order (day, home, device, slot): the sequence that is the same for a seed. */
  orders: OrderLine[]
  /** Sampled slots, for plots only. */
  levels: LevelSeries[]
  /** Slots that stood empty while their home had use for them. */
  stockOuts: StockOut[]
  /** One per virtual day, for plots only. */
  days: DayRow[]
  counts: RunCounts
  /** What the run itself could not do, as sentences; at most 100. Nothing here means nothing about what must hold. */
  problems: string[]
  /** Of every number that was reported, device by device; pure runs only. */
  digest?: number
  /** Days on which a device had less than was wanted of it, over all devices; in a real run the gateway's rows say it. */
  shortDays?: number
}

export type OrderLine = {
  /** Index in the population. */
  home: number
  /** Name of the appliance within its home, such as `washer`. */
  device: string
  slot: string
  gtin: string
  /** Packs. */
  quantity: number
  day: number
}

/** Levels in the unit of the slot, at the same times: what is there, and what the sensor said. */
export type LevelSeries = {
  home: number
  device: string
  slot: string
  unit: string
  capacity: number
  /** Days with fraction, ascending. */
  days: number[]
  trueLevels: number[]
  seenLevels: number[]
}

export type StockOut = {
  home: number
  device: string
  slot: string
  /** The first day, with fraction, and how long it lasted. */
  fromDay: number
  days: number
}

export type DayRow = {
  day: number
  reports: number
  orders: number
  /** Slots that were empty at the end of the day. */
  emptySlots: number
  /** Real time that this day took. */
  realMs: number
}

export type RunCounts = {
  /** Reports that the devices made: levels, telemetry and events. */
  reports: number
  /** Appliance cycles: washes, cups, prints, meals. */
  cycles: number
  /** Home-days without use for anything, such as holidays, are counted too. */
  deviceDays: number
  orders: number
  parcels: number
}

/** Said now and then while a run goes on. */
export type RunProgress = {
  /** What goes on now, such as `making 200 homes`, `day`, `checking`. */
  phase: string
  day: number
  ofDays: number
  reports: number
  orders: number
}
