import type { Address } from '../domain/identifiers.ts'
import { openRpc, RpcBigInt } from './rpc.ts'

/** An account with less of the chain's own coin gets it filled up. */
const LEAST_GAS_WEI = 10n ** 18n
const FULL_GAS_WEI = 100n * 10n ** 18n

/** Fills up an account's gas on an embedded chain; a merchant agent does this for its own. */
export async function fundGas(rpcUrl: string, account: Address): Promise<void> {
  const rpc = openRpc(rpcUrl)
  const balance = RpcBigInt.parse(await rpc.send('eth_getBalance', [account, 'latest']))
  if (balance < LEAST_GAS_WEI) await rpc.send('anvil_setBalance', [account, `0x${FULL_GAS_WEI.toString(16)}`])
}
