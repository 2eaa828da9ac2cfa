import type { SigningKey } from 'ethers'
import { type Claim, compactSignature, escrow, type Shipment, termsHash } from '../../contracts/escrow.ts'
import type { Confirmation, SellerChain } from '../ports/merchant.ts'
import { buyersWords, settleCall } from './agreements.ts'
import { type Connection, readHead } from './connection.ts'
import { digestsOf, quoteSigner, signDigest, signerOf, textHash } from './digests.ts'
import { isContractsWord } from './erc1271.ts'
import { escrowSend, readHold } from './escrow.ts'
import { RpcNumber } from './rpc.ts'
import type { Sender } from './sender.ts'
import { allowEscrow } from './signers.ts'
import { readLogs } from './watcher.ts'

/** Logs of an authorization are looked for in the newest blocks first, in so many windows of 1,000 blocks. */
const WINDOW_BLOCKS = 1_000
const MAX_WINDOWS = 20

/** `SellerChain` with the seller's key, which also signs its quotes. */
export function sellerChain(connection: Connection, sender: Sender, key: SigningKey): SellerChain {
  const { rpc, facts } = connection
  const digests = digestsOf(facts)
  const send = escrowSend(connection, sender)
  const words = buyersWords(facts)
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
    confirmationSigner: ({ shipment, deliveries, signature }) =>
      signerOf(digests.confirmation(deliveries.map((delivery) => ({ ...delivery, shipment }))), signature),
    ship: (shipments, save) =>
      send(`ship ${shipments.length} orders`, escrow.encode('ship', [parcelsOf(shipments)]), save),
    capture: (captures, save) =>
      send(`capture ${captures.length} orders`, escrow.encode('capture', [claimsOf(captures)]), save),
    async refund(terms, amount, save) {
      await allowEscrow(connection, sender, { atLeast: amount, allow: amount })
      return send('refund an order', escrow.encode('refund', [terms, terms.authorizationId, amount]), save)
    },
    async isPayersSettlement(terms, { signature, ...settlement }) {
      const digest = words.digest({ kind: 'Settlement', authorizationId: terms.authorizationId, settlement })
      return (
        signerOf(digest, signature) === terms.payer ||
        (await isContractsWord(connection, terms.payer, digest, signature))
      )
    },
    signSettlement: async ({ authorizationId }, settlement) =>
      signDigest(key, words.digest({ kind: 'Settlement', authorizationId, settlement })),
    settle: (terms, { signature, ...settlement }, save) =>
      send('settle an order', settleCall(terms, settlement, { payer: signature, seller: '0x' }), save),
    dispute: (terms, save) =>
      send('dispute an order', escrow.encode('dispute', [terms, terms.seller, terms.authorizationId, '0x']), save),
    decline: (terms, save) => send('decline an order', escrow.encode('decline', [terms, terms.authorizationId]), save),
  }
}

/** Orders of one mandate with the same shipment travel in one parcel. */
function parcelsOf(shipments: Parameters<SellerChain['ship']>[0]): Shipment[] {
  return [...Map.groupBy(shipments, ({ terms, shipment }) => termsHash(terms) + shipment).values()].map((parcel) => ({
    termsHash: termsHash(parcel[0]!.terms),
    shipment: parcel[0]!.shipment,
    authorizationIds: parcel.map(({ terms }) => terms.authorizationId),
  }))
}

/** A parcel is confirmed by one signature over all of its orders, in their order. */
function claimsOf(captures: Confirmation[]): Claim[] {
  return [...Map.groupBy(captures, ({ terms, signature }) => termsHash(terms) + signature).values()].map((parcel) => ({
    terms: parcel[0]!.terms,
    shipment: parcel[0]!.shipment,
    deliveries: parcel.map(({ terms, amount }) => ({ authorizationId: terms.authorizationId, amount })),
    ...compactSignature(parcel[0]!.signature),
  }))
}
