import { Command } from 'commander'
import { contextOf } from './client.ts'
import type { OrderAnswer } from './order.ts'
import { localTime, parseCount, shortId, table } from './text.ts'

export function ordersCommand(): Command {
  return new Command('orders')
    .description('show orders, newest first')
    .option('--limit <count>', 'how many', parseCount, 20)
    .action(async (options: { limit: number }, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.get<{ orders: OrderAnswer[] }>(`/v1/orders?limit=${options.limit}`)
      const rows = answer.orders.map((order) => [
        shortId(order.orderId),
        localTime(order.createdAtMs),
        `${order.deviceId}/${order.slot}`,
        order.state,
        `${order.quantity} × ${order.quote?.productName ?? order.gtin}`,
        order.quote?.total ?? '',
      ])
      print(answer.orders, table(['ORDER', 'MADE', 'FOR', 'STATE', 'WHAT', 'TOTAL'], rows, 'No order yet.'))
    })
}
