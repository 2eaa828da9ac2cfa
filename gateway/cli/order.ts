import { Command } from 'commander'
import type { OrderView } from '../ports/orders.ts'
import { type Context, contextOf } from './client.ts'
import { localTime } from './text.ts'

/** An order as the API's JSON has it. */
export type OrderAnswer = Omit<OrderView, 'quote' | 'steps'> & {
  quote?: {
    productName: string
    total: string
    totalMinorUnits: string
    packSize: number
    contentUnit: string
    seller: string
  }
  steps: (Omit<OrderView['steps'][number], 'amountMinorUnits'> & { amount?: string })[]
}

/** Of `awaiting-consent still`, the longest; a time and two spaces stand on its left. */
const STATE_WIDTH = 22
const ORDER_ID = 'its id, or the first 4 or more characters of it'

export function orderCommand(): Command {
  return new Command('order')
    .description('show one order with each step, or act on it')
    .addCommand(showCommand(), { isDefault: true })
    .addCommand(actionCommand('received', 'say that the goods have arrived, or that they are all right'))
    .addCommand(actionCommand('cancel', 'cancel an order that has not been shipped'))
    .addCommand(actionCommand('dispute', 'keep the money of a shipped order in escrow: it is wrong, or did not come'))
}

/** `adept order <id>`: the default beside the verbs. */
function showCommand(): Command {
  return new Command('show')
    .description('show one order (`adept order <id>` does the same)')
    .argument('<id>', ORDER_ID)
    .action(async (orderId: string, _options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.get<{ order: OrderAnswer }>(`/v1/orders/${encodeURIComponent(orderId)}`)
      print(answer.order, orderText(answer.order))
    })
}

function actionCommand(verb: 'received' | 'cancel' | 'dispute', description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<id>', ORDER_ID)
    .action(async (orderId: string, _options: unknown, command: Command) => act(contextOf(command), orderId, verb, {}))
}

/** Acts on one order and prints the gateway's sentence. */
export async function act(context: Context, orderId: string, verb: string, body: object): Promise<void> {
  const answer = await context.client.post<{ sentence: string }>(
    `/v1/orders/${encodeURIComponent(orderId)}/${verb}`,
    body,
  )
  context.print(answer, answer.sentence)
}

function orderText(order: OrderAnswer): string {
  const { quote } = order
  const what =
    quote === undefined
      ? `${order.quantity} × GTIN ${order.gtin}, no price yet`
      : `${order.quantity} × ${quote.productName} (${quote.packSize} ${quote.contentUnit}, GTIN ${order.gtin}) for ${quote.total} from ${quote.seller}`
  return [
    `Order ${order.orderId}: ${order.state}`,
    `  what     ${what}`,
    `  for      ${order.deviceId}, ${order.slot}, mode ${order.mode}, attempt ${order.attempt}`,
    ...order.reasons.map((reason, index) => `${index === 0 ? '  why      ' : '           '}${reason}`),
    ...order.evidence.map(
      (it, index) => `${index === 0 ? '  arrived  ' : '           '}${localTime(it.atMs)} ${it.kind}: ${it.detail}`,
    ),
    '',
    ...order.steps.map(stepText),
  ].join('\n')
}

function stepText({ atMs, fromState, toState, reason, amount, txHash }: OrderAnswer['steps'][number]): string {
  const arrow = fromState === toState ? `${toState} still` : toState
  const facts = [amount, txHash && `transaction ${txHash}`].filter(Boolean)
  return [
    `${localTime(atMs)}  ${arrow.padEnd(STATE_WIDTH)}  ${reason}`,
    ...facts.map((fact) => `${' '.repeat(23 + STATE_WIDTH)}${fact}`),
  ].join('\n')
}
