import type { GasRow } from './gas-figures.ts'

/** What others cost, with their own calldata and intrinsic gas; measured once, in steady state (their contracts do not change). */
const PEERS: [what: string, gas: string][] = [
  ['ERC-20 transfer', '34,230'],
  ['x402 payment', '61,105 to 90,053'],
  ['EIP-3009 transferWithAuthorization', '64,600'],
  ['Safe AllowanceModule payment', '70,019'],
  ['ERC-4337 operation', '77,393'],
  ['Seaport fulfilment', '98,000 to 109,000'],
]

/** The README's table of gas, between its markers. */
export function readmeGas(rows: GasRow[]): string {
  const count = (gas: number) => gas.toLocaleString('en-US')
  const lines = rows.map(
    ({ what, orders, households, sellers, parcels, merkleDepth, authorize, ship, capture, perOrder }) =>
      `| ${what} | ${orders} | ${households} | ${sellers} | ${parcels} | ${merkleDepth} | ${count(authorize)} | ${count(ship)} | ${count(capture)} | **${count(perOrder)}** |`,
  )
  const peers = PEERS.map(([what, gas]) => `${what} ${gas}`).join(' · ')
  return [
    '<!-- gas -->',
    '| gas per order | orders in a batch | households | sellers | parcels | Merkle depth | authorize | ship | capture | life |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...lines,
    '',
    `A life is authorize, ship and capture with the signed confirmation (one for each parcel). Peers, for one bare payment: ${peers}.`,
    '<!-- /gas -->',
  ].join('\n')
}
