import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../ports/clock.ts'
import type { SellerOrder, SellerOrderStore } from '../ports/merchant.ts'

/** An order is looked for among this many newest ones. */
const NEWEST_ORDERS = 1_000

/** What a shopkeeper does beside the agent works on: the shop's rows, which the agent that runs, or the next one, acts upon. */
export type Desk = { orders: SellerOrderStore; clock: Clock }

/** The shop's database in its data folder; throws a sentence when there is none. */
export function databaseFile(dataFolder: string): string {
  const file = join(dataFolder, 'merchant.db')
  if (existsSync(file)) return file
  throw new Error(`There is no shop in ${dataFolder}. Name its folder with --data.`)
}

/** The order with this number or authorization id; throws a sentence when there is none. */
export async function orderNamed(name: string, { orders }: Pick<Desk, 'orders'>): Promise<SellerOrder> {
  const listed = await orders.list(NEWEST_ORDERS)
  const order = listed.find(
    ({ orderNumber, terms }) => String(orderNumber) === name || terms.authorizationId === name.toLowerCase(),
  )
  if (order === undefined) throw new Error(`There is no order ${name} among the newest ${NEWEST_ORDERS} of this shop.`)
  return order
}

/**
 * Notes that an order is to be refunded: the agent sends it, at once when it runs. Resolves to a sentence; throws one when the
 * order cannot be refunded. Whoever may write to the shop's files may refund: there is no way over HTTP.
 * @param name   The order's number, or its authorization id.
 * @param amount Token minor units; undefined: all of it.
 */
export async function wantRefund(name: string, amount: bigint | undefined, { orders, clock }: Desk): Promise<string> {
  const order = await orderNamed(name, { orders })
  if (order.state !== 'paid') throw new Error(`Order ${name} is ${order.state}: only a paid order can be refunded.`)
  const wanted = amount ?? order.terms.amount
  if (wanted === 0n || wanted > order.terms.amount) {
    throw new Error(`Order ${name} was for ${order.terms.amount} minor units: give an amount from 1 to that.`)
  }
  await orders.wantRefund(order.terms.authorizationId, wanted, clock.nowMs())
  return `Order ${name}: ${wanted} minor units will be given back by the agent, at once when it runs.`
}
