import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recoverAddress } from 'ethers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestsOf } from '../../gateway/chain/digests.ts'
import { addressOf, openKeyring } from '../../gateway/chain/keys.ts'
import { deviceSigner } from '../../gateway/chain/signers.ts'
import { hex32, temporaryFolder, ZERO_ADDRESS } from './fixture.ts'

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const masterKey = () => join(folder, 'master.key')
const modeOf = (file: string) => statSync(file).mode & 0o777

test('keys are made once, sealed, and only the owner may read the files', () => {
  const relayer = openKeyring(folder).fileKey('relayer')
  expect(modeOf(masterKey())).toBe(0o600)
  expect(statSync(masterKey()).size).toBe(32)
  const file = join(folder, 'keys', 'relayer.key')
  expect(modeOf(file)).toBe(0o600)
  expect(readFileSync(file).includes(Buffer.from(relayer.privateKey.slice(2), 'hex'))).toBe(false)
  expect(openKeyring(folder).fileKey('relayer').privateKey).toBe(relayer.privateKey)
  expect(openKeyring(folder).fileKey('payer').privateKey).not.toBe(relayer.privateKey)
})

test('seal and open are inverse, and each seal is different', () => {
  const keyring = openKeyring(folder)
  const secret = Buffer.from('a secret')
  const sealed = keyring.seal(secret, 'label')
  expect(Buffer.from(keyring.open(sealed, 'label'))).toEqual(secret)
  expect(keyring.seal(secret, 'label')).not.toEqual(sealed)
})

test('a changed byte, another label and another master key do not open', () => {
  const keyring = openKeyring(folder)
  const sealed = Buffer.from(keyring.seal(Buffer.from('a secret'), 'label'))
  for (let index = 0; index < sealed.length; index++) {
    const changed = Buffer.from(sealed)
    changed[index]! ^= 1
    expect(() => keyring.open(changed, 'label'), `byte ${index}`).toThrow('cannot be opened with this master.key')
  }
  expect(() => keyring.open(sealed, 'other')).toThrow('The key "other" cannot be opened')
  expect(() => keyring.open(sealed.subarray(0, 10), 'label')).toThrow('Restore the master.key that belongs')

  keyring.fileKey('relayer')
  writeFileSync(masterKey(), Buffer.alloc(32, 7))
  expect(() => openKeyring(folder).fileKey('relayer')).toThrow(
    'The key "relayer" cannot be opened with this master.key.',
  )
})

test('a master key that is missing, too short or readable by others is a sentence', () => {
  openKeyring(folder).fileKey('relayer')
  chmodSync(masterKey(), 0o644)
  expect(() => openKeyring(folder)).toThrow(`Run: chmod 600 ${masterKey()}`)
  chmodSync(masterKey(), 0o600)
  writeFileSync(masterKey(), Buffer.alloc(31))
  expect(() => openKeyring(folder)).toThrow('has 31 bytes instead of 32')
  rmSync(masterKey())
  expect(() => openKeyring(folder)).toThrow('is missing, and without it the keys')
})

test('a device signs with its own sealed key', async () => {
  const keyring = openKeyring(folder)
  const { keyAddress, keySealed } = keyring.make('washer-1')
  const facts = { chainId: 1, escrow: ZERO_ADDRESS }
  const sealedKeyOf = async (deviceId: string) => (deviceId === 'washer-2' ? undefined : keySealed)
  const signer = deviceSigner(keyring, { sealedKeyOf }, facts)
  const confirmation = { authorizationId: hex32(), shipment: hex32(), amount: 1n }
  const { shipment } = confirmation
  const signature = await signer.confirmation('washer-1', { shipment, deliveries: [confirmation] })
  expect(recoverAddress(digestsOf(facts).confirmation([confirmation]), signature).toLowerCase()).toBe(keyAddress)
  expect(addressOf(keyring.openDeviceKey('washer-1', keySealed))).toBe(keyAddress)
  await expect(signer.cancellation('washer-2', hex32())).rejects.toThrow('The device washer-2 is not known')
  await expect(signer.cancellation('dryer-1', hex32())).rejects.toThrow('The key "device dryer-1" cannot be opened')
})
