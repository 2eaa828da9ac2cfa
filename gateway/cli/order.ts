import { Command } from 'commander'
import type { OrderView } from '../ports/orders.ts'
import { contextOf } from './client.ts'
import { act, ORDER_ID, printTypedData } from './order-action.ts'
import { settleCommand } from './order-settle.ts'
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

export function orderCommand(): Command {
  return new Command('order')
    .description('show one order with each step, or act on it')
    .addCommand(showCommand(), { isDefault: true })
    .addCommand(receivedCommand())
    .addCommand(signedCommand('cancel', 'Cancellation', 'cancel an order that has not been shipped'))
    .addCommand(
      signedCommand('dispute', 'Dispute', 'keep the money of a shipped order in escrow: it is wrong, or did not come'),
    )
    .addCommand(settleCommand())
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

function receivedCommand(): Command {
  return new Command('received')
    .description('say that the goods have arrived, or that they are all right')
    .argument('<id>', ORDER_ID)
    .action(async (orderId: string, _options: unknown, command: Command) =>
      act(contextOf(command), orderId, 'received', {}),
    )
}

/** The device's key signs it, or the wallet that pays does: when the gateway has lost that key, or is not to be trusted. */
function signedCommand(verb: 'cancel' | 'dispute', kind: 'Cancellation' | 'Dispute', description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<id>', ORDER_ID)
    .option('--typed-data', "print what the payer's wallet signs (EIP-712), to do it without the device's key")
    .option('--signature <hex>', "that wallet's signature")
    .action(async (orderId: string, options: { typedData?: true; signature?: string }, command: Command) => {
      const context = contextOf(command)
      if (options.typedData) return printTypedData(context, orderId, { kind })
      await act(context, orderId, verb, options.signature === undefined ? {} : { signature: options.signature })
    })
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
