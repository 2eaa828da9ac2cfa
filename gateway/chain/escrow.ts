import { escrow, MANDATE_STATUSES, ORDER_STATES, termsHash, termsOf } from '../../contracts/escrow.ts'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Terms } from '../domain/mandate.ts'
import type { Chain, Hold } from '../ports/chain.ts'
import { buyersWords, settleCall } from './agreements.ts'
import { encodeAuthorize, encodeAuthorizeBatch, offersRoot } from './baskets.ts'
import { type Connection, call, erc20, estimateGas, readHead } from './connection.ts'
import { digestsOf, mandateTypedData, offerLeaf, quoteSigner, signerOf, textHash } from './digests.ts'
import { isContractsWord } from './erc1271.ts'
import { householdCall, readHousehold } from './households.ts'
import { readDevice, registerCall } from './registry.ts'
import { RpcError } from './rpc.ts'
import type { Sender } from './sender.ts'

/**
 * `Chain` over the escrow, paid by the relayer's key. `authorize` is sent as a batch, whose logs report what the contract
 * refuses; an order alone that would be accepted goes by itself, which is cheaper. The other verbs are tried first and throw ChainRefusal, with nothing saved, when they would revert.
 */
export function escrowChain(connection: Connection, relayer: Sender): Chain {
  const { facts } = connection
  const digests = digestsOf(facts)
  const send = escrowSend(connection, relayer)
  const words = buyersWords(facts)
  return {
    facts,
    relayer: relayer.address,
    head: () => readHead(connection),
    async mandateStatus(mandate) {
      const [state, spent, household] = await Promise.all([
        call(connection, facts.escrow, escrow.encode('mandateState', [digests.mandate(mandate)])),
        call(connection, facts.escrow, escrow.encode('spentNow', [mandate])),
        readHousehold(connection, mandate),
      ])
      const { status, openOrders, lastNonce } = escrow.decodeResult('mandateState', state)
      const word = MANDATE_STATUSES[status] ?? 'none'
      return {
        status: word === 'none' ? 'unknown' : word,
        spent: escrow.decodeResult('spentNow', spent),
        openOrders: Number(openOrders),
        lastNonce: Number(lastNonce),
        household,
      }
    },
    async funds(payer) {
      const [balance, allowance] = await Promise.all([
        call(connection, facts.token.address, erc20.encode('balanceOf', [payer])),
        call(connection, facts.token.address, erc20.encode('allowance', [payer, facts.escrow])),
      ])
      return {
        balance: erc20.decodeResult('balanceOf', balance),
        allowance: erc20.decodeResult('allowance', allowance),
      }
    },
    hold: (terms) => readHold(connection, terms),
    authorizationId: digests.authorization,
    mandateHash: digests.mandate,
    termsOf: ({ authorization, file }) => ({
      ...termsOf(file.mandate, file.mandateHash),
      authorizationId: digests.authorization(authorization),
      seller: authorization.seller,
      amount: authorization.total,
      shipBy: authorization.shipBy,
      coolingOffSeconds: file.mandate.coolingOffSeconds,
    }),
    offerLeaf,
    offersRoot,
    householdCall: (cap) => householdCall(facts, cap),
    registeredDevice: (registryId) => readDevice(connection, registryId),
    registerCall,
    mandateTypedData: (mandate) => mandateTypedData(facts, mandate),
    readableHash: textHash,
    quoteHash: digests.quote,
    quoteSigner: (signed) => quoteSigner(digests, signed),
    grant: (mandate, signature, save) => send('grant a mandate', escrow.encode('grant', [mandate, signature]), save),
    async authorize(baskets, save) {
      const orders = baskets.reduce((sum, basket) => sum + basket.length, 0)
      const purpose = `authorize ${orders} ${orders === 1 ? 'order' : 'orders'}`
      const alone = orders === 1 ? encodeAuthorize(baskets[0]!) : undefined
      const encoded =
        alone !== undefined && (await wouldWork(connection, alone.data)) ? alone : encodeAuthorizeBatch(baskets)
      return relayer.send({ to: facts.escrow, purpose, ...encoded }, save)
    },
    cancel: (terms, signature, save) =>
      send('cancel an order', escrow.encode('cancel', [...nameOf(terms), signature]), save),
    isSignedBy: async (account, digest, signature) =>
      signerOf(digest, signature) === account || (await isContractsWord(connection, account, digest, signature)),
    invalidate: (mandate, nonce, signature, save) =>
      send('burn an authorization', escrow.encode('invalidate', [mandate, nonce, signature]), save),
    dispute: (terms, signature, save) =>
      send('dispute an order', escrow.encode('dispute', [...nameOf(terms), signature]), save),
    settle: (terms, settlement, signatures, save) =>
      send('settle an order', settleCall(terms, settlement, signatures), save),
    wordTypedData: words.typedData,
    wordDigest: words.digest,
    reclaim: (terms, save) => send('reclaim an order', escrow.encode('reclaim', nameOf(terms)), save),
  }
}

async function wouldWork(connection: Connection, data: HexBytes): Promise<boolean> {
  try {
    await call(connection, connection.facts.escrow, data)
    return true
  } catch (error) {
    if (error instanceof RpcError) return false
    throw error
  }
}

/** What names an order on chain, in the order of every verb's arguments. */
const nameOf = (terms: Terms): [Terms, Address, Hex32] => [terms, terms.seller, terms.authorizationId]

/** Sends a call of the escrow that either works or reverts. */
export function escrowSend(connection: Connection, sender: Sender) {
  const to = connection.facts.escrow
  return async (purpose: string, data: string, save: Parameters<Sender['send']>[1]) => {
    const gasLimit = await estimateGas(connection, { from: sender.address, to, data })
    return sender.send({ to, data: data as HexBytes, gasLimit, purpose }, save)
  }
}

export async function readHold(connection: Connection, terms: Terms): Promise<Hold> {
  const record = escrow.decodeResult(
    'record',
    await call(
      connection,
      connection.facts.escrow,
      escrow.encode('record', [termsHash(terms), terms.seller, terms.authorizationId]),
    ),
  )
  const state = ORDER_STATES[record.state]
  if (state === undefined)
    throw new Error(`The escrow knows an order state ${record.state}, which is newer than this program.`)
  return {
    state,
    amount: record.amount,
    sinceSeconds: Number(record.since),
    shipBySeconds: Number(record.shipBy),
    coolingOffSeconds: Number(record.coolingOffSeconds),
  }
}
