import type { Address } from '../domain/identifiers.ts'
import type { HouseholdCap, Mandate, MandateOffer } from '../domain/mandate.ts'
import { formatMoney } from '../domain/money.ts'
import type { ChainFacts } from '../ports/chain.ts'
import type { DeviceView } from '../ports/devices.ts'

/**
 * The sentences that a person sees before signing; their hash is in the mandate. They name what costs money: products with
 * their highest price, the caps, the seller, the term, the way out (DOMAIN.md, "Mandate"; Directive 2011/83/EU Art. 8(2)).
 */
export function readableMandate(parts: {
  mandate: Mandate
  device: DeviceView
  products: (MandateOffer & { name: string; contentUnit: string })[]
  household: HouseholdCap | undefined
  seller: { name: string; address: Address; url: string }
  facts: ChainFacts
}): string {
  const { mandate, device, seller, facts } = parts
  const money = (minorUnits: bigint) => formatMoney(minorUnits, facts.token)
  const make = device.maker === undefined ? '' : ` (${device.maker} ${device.model})`
  return [
    'MANDATE: ORDER WITH OBLIGATION TO PAY',
    '',
    `The device ${device.deviceId}${make} may order for you, and you pay:`,
    ...parts.products.map(
      (product) =>
        `  - ${product.name}, pack of ${product.packSize} ${product.contentUnit}, GTIN ${product.gtin}, ` +
        `at most ${money(product.maxUnitPrice)} a pack, everything included`,
    ),
    `Seller: ${seller.name}, ${seller.address}, ${seller.url}`,
    `At most ${money(mandate.maxPerOrder)} for one order, ${money(mandate.allowance)} in each period of ` +
      `${duration(mandate.period)}, ${mandate.maxOpenOrders} open at once.`,
    ...(parts.household === undefined
      ? []
      : [
          `All devices of the household together: at most ${money(parts.household.allowance)} in each period of ` +
            `${duration(parts.household.periodSeconds)}.`,
        ]),
    ...(mandate.deviceId === 0n
      ? []
      : [
          `It is device 0x${mandate.deviceId.toString(16).padStart(64, '0')} of the registry ${facts.registry}: when it changes ` +
            'hands or its key there, this mandate ends.',
        ]),
    `From ${date(mandate.start)} until ${date(mandate.end)}.`,
    `Paid by wallet ${mandate.payer} in ${facts.token.symbol} (token ${mandate.token}, chain ${facts.chainId}).`,
    mandate.coolingOffSeconds > 0
      ? `Cooling off: the seller may not ship within ${duration(mandate.coolingOffSeconds)} of an order; until it ships you ` +
        'can cancel and get all of it back.'
      : 'No cooling off: the seller may ship at once; until it ships you can cancel and get all of it back.',
    BigInt(mandate.arbiter) === 0n
      ? 'If you dispute an order that was shipped, its money stays in escrow until you and the seller agree, or comes back after 30 days.'
      : `If you or the seller dispute an order that was shipped, ${mandate.arbiter} decides; without a decision within 30 days the money comes back.`,
    `To revoke at any time: \`adept mandate revoke ${device.deviceId}\`, or let the wallet call revoke of the contract ` +
      `${facts.escrow}.`,
  ].join('\n')
}

function date(chainSeconds: number): string {
  return `${new Date(chainSeconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Whole days or hours where they fit. */
function duration(seconds: number): string {
  for (const [unit, length] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const) {
    if (seconds % length === 0) return `${seconds / length} ${unit}${seconds === length ? '' : 's'}`
  }
  return `${seconds} seconds`
}
