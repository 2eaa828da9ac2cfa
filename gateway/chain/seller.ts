import type { SigningKey } from 'ethers'
import { escrow } from '../../contracts/escrow.ts'
import type { SellerChain } from '../ports.ts'
import { type Connection, readHead } from './connection.ts'
import { digestsOf, quoteSigner, signDigest, signerOf, textHash } from './digests.ts'
import { escrowSend, readHold } from './escrow.ts'
import { RpcNumber } from './rpc.ts'
import type { Sender } from './sender.ts'
import { readLogs } from './watcher.ts'

/** Logs of an authorization are looked for in the newest blocks first, in so many windows of 1,000 blocks. */
const WINDOW_BLOCKS = 1_000
const MAX_WINDOWS = 20

/** `SellerChain` with the seller's key, which also signs its quotes. */
export function sellerChain(connection: Connection, sender: Sender, key: SigningKey): SellerChain {
  const { rpc, facts } = connection
  const digests = digestsOf(facts)
  const send = escrowSend(connection, sender)
  return {
    facts,
    address: sender.address,
    head: () => readHead(connection),
    hold: (terms) => readHold(connection, terms),
    async authorizedQuote(authorizationId) {
      const topics = [null, authorizationId]
      let toBlock = RpcNumber.parse(await rpc.send('eth_blockNumber', []))
      for (let window = 0; window < MAX_WINDOWS && toBlock >= 0; window++, toBlock -= WINDOW_BLOCKS) {
        const fromBlock = Math.max(0, toBlock - WINDOW_BLOCKS + 1)
        for (const log of await readLogs(connection, { fromBlock, toBlock, topics })) {
          const event = escrow.decodeLog(log)
          if (event?.name === 'Authorized') return event.args.quoteHash
        }
      }
      return undefined
    },
    quoteHash: digests.quote,
    quoteSigner: (signed) => quoteSigner(digests, signed),
    signQuote: async (quote) => signDigest(key, digests.quote(quote)),
    shipmentHash: textHash,
    confirmationSigner: ({ signature, ...message }) => signerOf(digests.confirmation(message), signature),
    ship: (shipments, save) => send(`ship ${shipments.length} orders`, escrow.encode('ship', [shipments]), save),
    capture: (captures, save) => send(`capture ${captures.length} orders`, escrow.encode('capture', [captures]), save),
    decline: (terms, save) => send('decline an order', escrow.encode('decline', [terms]), save),
  }
}
