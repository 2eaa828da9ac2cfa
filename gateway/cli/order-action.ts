import type { Context } from './client.ts'

export const ORDER_ID = 'its id, or the first 4 or more characters of it'

type TypedDataAnswer = { typedData: unknown; settlement?: { toSeller: string; validBefore: number } }

/** Acts on one order and prints the gateway's sentence. */
export async function act(context: Context, orderId: string, verb: string, body: object): Promise<void> {
  const answer = await context.client.post<{ sentence: string }>(
    `/v1/orders/${encodeURIComponent(orderId)}/${verb}`,
    body,
  )
  context.print(answer, answer.sentence)
}

/** What the wallet signs goes to standard output alone; how to go on, to standard error. */
export async function printTypedData(
  { client }: Context,
  orderId: string,
  word: { kind: 'Cancellation' | 'Dispute' | 'Settlement' },
  toSeller?: string,
): Promise<void> {
  const answer = await client.post<TypedDataAnswer>(`/v1/orders/${encodeURIComponent(orderId)}/typed-data`, word)
  const verb = { Cancellation: 'cancel', Dispute: 'dispute', Settlement: 'settle' }[word.kind]
  const split =
    answer.settlement === undefined ? '' : ` --to-seller ${toSeller} --valid-before ${answer.settlement.validBefore}`
  console.error(`Sign this with the wallet that pays, then: adept order ${verb} ${orderId}${split} --signature 0x…`)
  console.log(JSON.stringify(answer.typedData, null, 2))
}
