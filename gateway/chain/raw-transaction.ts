import { keccak256, type SigningKey } from 'ethers/crypto'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { Fees } from './fees.ts'

/** An EIP-1559 transaction with call data and no value. */
export type UnsignedTransaction = Fees & {
  chainId: number
  nonce: number
  to: Address
  data: HexBytes
  gasLimit: bigint
}

const TYPE_1559 = Buffer.of(2)
const NO_VALUE = 0n
const EMPTY_ACCESS_LIST = Buffer.of(0xc0)

/** Signed bytes (EIP-1559, EIP-2718) and their hash. ethers takes 70 ms for the 60 kB of a batch; this takes 6. */
export function signTransaction(tx: UnsignedTransaction, key: SigningKey): { raw: HexBytes; txHash: Hex32 } {
  const fields = [
    ...[tx.chainId, tx.nonce, tx.maxPriorityFeePerGas, tx.maxFeePerGas, tx.gasLimit].map(rlpNumber),
    rlpBytes(bytesOf(tx.to)),
    rlpNumber(NO_VALUE),
    rlpBytes(bytesOf(tx.data)),
    EMPTY_ACCESS_LIST,
  ]
  const { yParity, r, s } = key.sign(keccak256(Buffer.concat([TYPE_1559, rlpList(fields)])))
  const signature = [rlpNumber(yParity), rlpNumber(BigInt(r)), rlpNumber(BigInt(s))]
  const raw = Buffer.concat([TYPE_1559, rlpList([...fields, ...signature])])
  return { raw: `0x${raw.toString('hex')}`, txHash: keccak256(raw) as Hex32 }
}

/** RLP (Ethereum yellow paper, appendix B): numbers are bytes without leading zeros. */
function rlpNumber(value: number | bigint): Buffer {
  return rlpBytes(bytesOf(value))
}

function rlpBytes(bytes: Buffer): Buffer {
  if (bytes.length === 1 && bytes[0]! < 0x80) return bytes
  return Buffer.concat([rlpLength(bytes.length, 0x80), bytes])
}

function rlpList(items: Buffer[]): Buffer {
  const body = Buffer.concat(items)
  return Buffer.concat([rlpLength(body.length, 0xc0), body])
}

function rlpLength(length: number, offset: number): Buffer {
  if (length <= 55) return Buffer.of(offset + length)
  const bytes = bytesOf(length)
  return Buffer.concat([Buffer.of(offset + 55 + bytes.length), bytes])
}

/** Of 0x-hex, or of a number without leading zeros. */
function bytesOf(value: HexBytes | number | bigint): Buffer {
  if (typeof value === 'string') return Buffer.from(value.slice(2), 'hex')
  const digits = value.toString(16)
  return value === 0 || value === 0n
    ? Buffer.alloc(0)
    : Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
}
