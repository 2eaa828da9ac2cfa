import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SigningKey } from 'ethers/crypto'
import { computeAddress } from 'ethers/transaction'
import type { Address } from '../domain/identifiers.ts'
import { createFileOnce } from '../lib/files.ts'

/** version · nonce · tag · cipher text */
const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const MASTER_KEY_BYTES = 32
/** Order n of secp256k1: a private key is below it. A random one is not in 1 of 2^128 cases. */
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

export function addressOf(key: SigningKey): Address {
  return computeAddress(key.publicKey).toLowerCase() as Address
}

export function newSigningKey(): SigningKey {
  for (;;) {
    const secret = randomBytes(32)
    const value = BigInt(`0x${secret.toString('hex')}`)
    if (value > 0n && value < CURVE_ORDER) return new SigningKey(secret)
  }
}

/** Private keys at rest: AES-256-GCM under a master key, each bound to its label so that two cannot be exchanged. */
export class Keyring {
  readonly #masterKey: Uint8Array
  readonly #folder: string

  constructor(masterKey: Uint8Array, folder: string) {
    this.#masterKey = masterKey
    this.#folder = folder
  }

  seal(secret: Uint8Array, label: string): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#masterKey, nonce).setAAD(Buffer.from(label))
    const text = Buffer.concat([cipher.update(secret), cipher.final()])
    return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), text])
  }

  /** Throws a sentence when it was sealed under another master key or label, or was changed. */
  open(sealed: Uint8Array, label: string): Uint8Array {
    const bytes = Buffer.from(sealed)
    const nonceEnd = 1 + NONCE_BYTES
    const tagEnd = nonceEnd + TAG_BYTES
    try {
      if (bytes[0] !== VERSION) throw new Error(`version ${bytes[0]} is not known`)
      const decipher = createDecipheriv('aes-256-gcm', this.#masterKey, bytes.subarray(1, nonceEnd), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(label)).setAuthTag(bytes.subarray(nonceEnd, tagEnd))
      return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()])
    } catch (cause) {
      throw new Error(
        `The key "${label}" cannot be opened with this master.key. ` +
          'Restore the master.key that belongs to this data folder from your backup.',
        { cause },
      )
    }
  }

  /** The key that signs for a new device (port DeviceKeyMaker). */
  make(deviceId: string): { keyAddress: Address; keySealed: Uint8Array } {
    const key = newSigningKey()
    return { keyAddress: addressOf(key), keySealed: this.seal(secretOf(key), deviceLabel(deviceId)) }
  }

  openDeviceKey(deviceId: string, sealed: Uint8Array): SigningKey {
    return new SigningKey(this.open(sealed, deviceLabel(deviceId)))
  }

  /** The key in `keys/<name>.key`, made the first time. */
  fileKey(name: 'relayer' | 'payer' | 'seller'): SigningKey {
    const file = join(this.#folder, `${name}.key`)
    createFileOnce(file, () => this.seal(secretOf(newSigningKey()), name))
    return new SigningKey(this.open(readFileSync(file), name))
  }
}

/**
 * Opens `<dataFolder>/master.key`, made the first time (32 random bytes, mode 0600). Throws a sentence when it is missing
 * beside keys that need it, has a wrong size, or other users may read it.
 */
export function openKeyring(dataFolder: string): Keyring {
  const file = join(dataFolder, 'master.key')
  const folder = join(dataFolder, 'keys')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(file) && readdirSync(folder).length > 0) {
    throw new Error(
      `${file} is missing, and without it the keys in ${folder} cannot be opened. Restore it from your backup.`,
    )
  }
  createFileOnce(file, () => randomBytes(MASTER_KEY_BYTES))
  // Windows has no such modes.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new Error(`Other users of this machine may read ${file}. Run: chmod 600 ${file}`)
  }
  const masterKey = readFileSync(file)
  if (masterKey.length !== MASTER_KEY_BYTES) {
    throw new Error(
      `${file} has ${masterKey.length} bytes instead of ${MASTER_KEY_BYTES}. Restore it from your backup.`,
    )
  }
  return new Keyring(masterKey, folder)
}

const deviceLabel = (deviceId: string) => `device ${deviceId}`

function secretOf(key: SigningKey): Uint8Array {
  return Buffer.from(key.privateKey.slice(2), 'hex')
}
