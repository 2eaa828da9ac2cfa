import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { Striker, type Struck } from '../../../device-sim/faults/strike.ts'
import type { GatewayApi } from '../../../device-sim/gateway-api.ts'

const nothing = async () => undefined
const struck = (rpcUrl: string, asked: string[] = []): Struck => ({
  ...{ rpcUrl, kill: nothing, sellerAway: nothing, sellerBack: nothing },
  victim: { deviceId: 'h0-washer', slot: 'detergent' },
  api: {
    post: async (path: string) => {
      asked.push(path)
      throw new Error('It is away.')
    },
  } as unknown as GatewayApi,
})

/** A chain of 30 blocks that can go back one of them. */
async function shallowChain() {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method, params } = JSON.parse(Buffer.concat(chunks).toString()) as { method: string; params: number[] }
    const isTooDeep = method === 'anvil_reorg' && params[0]! > 1
    response.end(JSON.stringify(isTooDeep ? { error: { message: 'no' } } : { result: '0x1e' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

it('says what came otherwise than planned, and how often', async () => {
  const chain = await shallowChain()
  try {
    const striker = new Striker('1')
    const asked: string[] = []
    const scene = struck(chain.url, asked)
    await striker.strike({ kind: 'reorg', blocks: 1, when: 'between' }, scene)
    expect(striker.problems).toEqual([])
    for (let times = 0; times < 2; times++) await striker.strike({ kind: 'reorg', blocks: 3, when: 'between' }, scene)
    await striker.strike({ kind: 'hostile', device: 4, deed: 'flood', when: 'between' }, scene)
    expect(asked).toEqual(['/v1/devices'])
    expect(striker.problems).toEqual([
      'A reorg took back 1 of 3 blocks: the chain goes back no further than its last start. (2 times)',
      'hostile-4 was not let in: the gateway did not answer.',
    ])
  } finally {
    chain.close()
  }
})
