/** A home's year as a picture: what it held day by day with the product, the oracle and the clairvoyant. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DAYS, makeHome } from './homes.ts'
import { clairvoyantPolicy, oraclePolicy, WaitingTable } from './references.ts'
import { shipped } from './scenarios.ts'
import { type Policy, simulate } from './simulate.ts'

const WIDTH = 970
const HEIGHT = 320
const ORACLE_PRICE_DAYS = 2000

export function plotHomes(seeds: number[], labelDoses: number, folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  return seeds.map((seed) => {
    const file = join(folder, `home-${seed}-pack-${labelDoses}.svg`)
    writeFileSync(file, plotHome(seed, labelDoses))
    return file
  })
}

function plotHome(seed: number, labelDoses: number): string {
  const home = makeHome(seed)
  const tables = home.regimes.map((regime) => new WaitingTable(home, regime))
  const lines: { name: string; colour: string; policy: Policy }[] = [
    { name: 'product', colour: '#c0392b', policy: shipped(home, labelDoses) },
    { name: 'oracle', colour: '#2471a3', policy: oraclePolicy(home, tables, ORACLE_PRICE_DAYS) },
    { name: 'clairvoyant', colour: '#7f8c8d', policy: clairvoyantPolicy(home) },
  ]
  const drawn = lines.map(({ name, colour, policy }) => {
    const stock = new Float64Array(DAYS)
    const { stockoutDays, stockDays } = simulate(home, labelDoses, policy, stock)
    return { name: `${name}: ${stockDays.toFixed(1)} days of stock, ${stockoutDays} stock-out days`, colour, stock }
  })
  const most = Math.max(...drawn.map(({ stock }) => Math.max(...stock)))
  const x = (day: number) => ((day / DAYS) * WIDTH).toFixed(1)
  const y = (doses: number) => (HEIGHT - (doses / most) * (HEIGHT - 60)).toFixed(1)
  const spells = [...home.sensor.spellOfDay].flatMap((spell, day) =>
    spell === 0 ? [] : [`<rect x="${x(day)}" y="60" width="2" height="${HEIGHT - 60}" fill="#fdebd0"/>`],
  )
  const curves = drawn.map(({ name, colour, stock }, index) => {
    const points = Array.from(stock, (doses, day) => `${x(day)},${y(doses)}`).join(' ')
    return `<text x="8" y="${16 + 15 * index}" fill="${colour}">${name}</text>
<polyline points="${points}" fill="none" stroke="${colour}"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${spells.join('\n')}
${curves.join('\n')}
</svg>
`
}
