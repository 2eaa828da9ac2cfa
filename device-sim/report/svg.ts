/** One plot over virtual days, as text of an SVG; colours are CSS classes of the report's style. */
export type Plot = {
  title: string
  /** Of the value axis, with its unit. */
  unit: string
  days: number
  /** The value axis ends here at least. */
  most?: number
  series: Series[]
  /** Vertical marks, such as faults. */
  marks?: { day: number; what: string }[]
}
export type Series = {
  kind: 'line' | 'dots' | 'bars'
  name: string
  className: string
  points: [day: number, value: number][]
}

const MARGIN = { left: 46, right: 8, top: 8, bottom: 22 }
const TICKS = 4
/** More points than pixels say nothing more. */
const MAX_POINTS = 700

export function plotSvg({ title, unit, days, most = 0, series, marks = [] }: Plot, width = 640, height = 180): string {
  const top = niceTop(
    series.reduce((highest, { points }) => points.reduce((top, [, value]) => Math.max(top, value), highest), most),
  )
  const [plotWidth, plotHeight] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom]
  const x = (day: number) => round(MARGIN.left + (day / Math.max(days, 1e-9)) * plotWidth)
  const y = (value: number) => round(MARGIN.top + plotHeight - (value / top) * plotHeight)
  const grid = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const value = (top * tick) / TICKS
    return `<line class="grid" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${y(value)}" y2="${y(value)}"/><text class="tick" text-anchor="end" x="${MARGIN.left - 6}" y="${y(value) + 4}">${shortNumber(value)}</text>`
  })
  const everyDays = niceStep(days / 8)
  const dayTicks = Array.from({ length: Math.floor(days / everyDays) + 1 }, (_, index) => index * everyDays)
  const axis = dayTicks.map(
    (day) => `<text class="tick" text-anchor="middle" x="${x(day)}" y="${height - 6}">${shortNumber(day)}</text>`,
  )
  const lines = marks.map(
    ({ day, what }) =>
      `<line class="mark" x1="${x(day)}" x2="${x(day)}" y1="${MARGIN.top}" y2="${MARGIN.top + plotHeight}"><title>day ${round(day)}: ${escaped(what)}</title></line>`,
  )
  const label = series.map(({ name }) => name).join(', ')
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${title}: ${label} in ${unit} by day`)}">${[
    ...grid,
    ...axis,
    ...lines,
    ...series.map((one) => seriesSvg(one, x, y, plotWidth / Math.max(days, 1))),
  ].join('')}</svg>`
}

function seriesSvg(
  { kind, className, points }: Series,
  x: (day: number) => number,
  y: (value: number) => number,
  dayWidth: number,
): string {
  const step = Math.max(1, Math.ceil(points.length / MAX_POINTS))
  const shown = points.filter((_, index) => index % step === 0)
  switch (kind) {
    case 'line':
      return `<polyline class="line ${className}" points="${shown.map(([day, value]) => `${x(day)},${y(value)}`).join(' ')}"/>`
    case 'dots':
      return `<g class="dots ${className}">${shown.map(([day, value]) => `<circle cx="${x(day)}" cy="${y(value)}" r="2.2"/>`).join('')}</g>`
    case 'bars': {
      const width = round(Math.max(0.6, dayWidth * step * 0.8))
      return `<g class="bars ${className}">${shown.map(([day, value]) => `<rect x="${x(day)}" y="${y(value)}" width="${width}" height="${round(y(0) - y(value))}"/>`).join('')}</g>`
    }
  }
}

/** The next of some factors × a power of ten, so that quarters of the axis are round; at least 4, so that they are whole. */
function niceTop(value: number): number {
  if (value <= TICKS) return TICKS
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8].find((factor) => factor * power >= value) ?? 10) * power
}

/** Whole days between two ticks. */
function niceStep(value: number): number {
  return [1, 2, 5, 7, 10, 14, 30, 60, 90, 180, 365].find((step) => step >= value) ?? 730
}

function shortNumber(value: number): string {
  return value >= 10_000 ? `${round(value / 1000)}k` : String(round(value))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** Text inside HTML or SVG. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
