import { coder } from '../../contracts/typed.ts'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import { type Connection, call } from './connection.ts'
import { RpcError } from './rpc.ts'

const wallet = coder([
  {
    type: 'function',
    name: 'isValidSignature',
    stateMutability: 'view',
    inputs: [
      { name: 'hash', type: 'bytes32' },
      { name: 'signature', type: 'bytes' },
    ],
    outputs: [{ name: 'magicValue', type: 'bytes4' }],
  },
] as const)
/** What a contract answers when the signature is its own (ERC-1271): the selector, in a whole word. */
const MAGIC = `0x1626ba7e${'0'.repeat(56)}`

/** Whether the account is a contract which says that the signature is its own. */
export async function isContractsWord(
  connection: Connection,
  account: Address,
  digest: Hex32,
  signature: HexBytes,
): Promise<boolean> {
  try {
    return (await call(connection, account, wallet.encode('isValidSignature', [digest, signature]))) === MAGIC
  } catch (error) {
    // A contract that reverts says no.
    if (error instanceof RpcError) return false
    throw error
  }
}
