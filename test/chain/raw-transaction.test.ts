import { SigningKey, Transaction } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf } from '../../gateway/chain/keys.ts'
import { signTransaction } from '../../gateway/chain/raw-transaction.ts'

test('signs the bytes that ethers would, for call data of every length', () => {
  const key = new SigningKey(`0x${'7'.repeat(64)}`)
  const lengths = fc.integer({ min: 0, max: 2 }).chain((size) => fc.uint8Array({ maxLength: [2, 60, 70_000][size]! }))
  const wei = fc.bigInt({ min: 0n, max: 2n ** 70n })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), wei, wei, lengths, (nonce, fee, gasLimit, data) => {
      const tx = {
        ...{ chainId: 427_015, nonce, gasLimit, maxFeePerGas: fee + 1n, maxPriorityFeePerGas: fee },
        ...{ to: `0x${'0b'.repeat(20)}` as const, data: `0x${Buffer.from(data).toString('hex')}` as const },
      }
      const { raw, txHash } = signTransaction(tx, key)
      const read = Transaction.from(raw)
      expect(read).toMatchObject({ hash: txHash, type: 2, value: 0n, nonce, gasLimit, data: tx.data })
      expect(read.from?.toLowerCase()).toBe(addressOf(key))
      expect(read.serialized).toBe(raw)
      expect({ ...read.toJSON(), sig: null }).toEqual({ ...Transaction.from({ ...tx, type: 2 }).toJSON(), sig: null })
    }),
    { numRuns: 60, seed: 1 },
  )
})
