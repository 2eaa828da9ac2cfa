import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP, isIPv4 } from 'node:net'

/*
 * Writes X.509 v3 certificates (RFC 5280) with ECDSA P-256 keys; Node reads and checks them, but cannot make them.
 * @peculiar/x509 would do it with 20 packages, a global `Reflect` polyfill and 20 MB of memory.
 */

const DAY_MS = 86_400_000
/** Clocks of devices are not all right: a certificate is valid from this much before it was made. */
const BACKDATED_MS = DAY_MS

/** A certificate and its private key, both PEM. */
export type KeyPair = { certificatePem: string; keyPem: string }
/** Who signs: the name in its own certificate, and its key. */
export type Issuer = { commonName: string; key: KeyObject }

/** A certificate authority that signs itself; it may sign devices and servers, and no further authority. */
export function makeAuthority(commonName: string, validMs: number, nowMs: number): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    extension(OID.basicConstraints, sequence(tlv(0x01, Buffer.of(0xff)), tlv(0x02, Buffer.of(0))), true),
    extension(OID.keyUsage, bits(0x06, 1), true), // keyCertSign, cRLSign
    extension(OID.subjectKeyIdentifier, tlv(0x04, keyIdentifier(publicKey))),
  ]
  const issuer = { commonName, key: privateKey }
  return write(issuer, { commonName, publicKey, privateKey, extensions, validMs, nowMs })
}

/** A certificate with a new key: a server's for these host names and addresses, or a client's. */
export function issueCertificate(
  issuer: Issuer,
  options: { commonName: string; names?: readonly string[]; validMs: number; nowMs: number },
): KeyPair {
  const { names } = options
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    extension(OID.basicConstraints, sequence(), true),
    extension(OID.keyUsage, bits(0x80, 7), true), // digitalSignature
    extension(OID.extendedKeyUsage, sequence(names === undefined ? OID.clientAuth : OID.serverAuth)),
    extension(OID.subjectKeyIdentifier, tlv(0x04, keyIdentifier(publicKey))),
    extension(OID.authorityKeyIdentifier, sequence(tlv(0x80, keyIdentifier(createPublicKey(issuer.key))))),
    ...(names === undefined ? [] : [extension(OID.subjectAltName, sequence(...names.map(alternativeName)))]),
  ]
  return write(issuer, { ...options, publicKey, privateKey, extensions })
}

function write(
  issuer: Issuer,
  subject: {
    commonName: string
    publicKey: KeyObject
    privateKey: KeyObject
    extensions: Buffer[]
    validMs: number
    nowMs: number
  },
): KeyPair {
  const { commonName, publicKey, privateKey, extensions, validMs, nowMs } = subject
  const algorithm = sequence(OID.ecdsaWithSha256)
  // RFC 5280 4.1.2.2: positive, at most 20 octets.
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))), // v3
    tlv(0x02, serial),
    algorithm,
    name(issuer.commonName),
    sequence(time(nowMs - BACKDATED_MS), time(nowMs + validMs)),
    name(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', body, issuer.key)
  const certificate = sequence(body, algorithm, tlv(0x03, Buffer.of(0), signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g)!
  return {
    certificatePem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** Object identifiers, DER. */
const OID = {
  ecdsaWithSha256: oid('2a8648ce3d040302'),
  commonName: oid('550403'),
  subjectKeyIdentifier: oid('551d0e'),
  keyUsage: oid('551d0f'),
  subjectAltName: oid('551d11'),
  basicConstraints: oid('551d13'),
  authorityKeyIdentifier: oid('551d23'),
  extendedKeyUsage: oid('551d25'),
  serverAuth: oid('2b06010505070301'),
  clientAuth: oid('2b06010505070302'),
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'))
}

/** Tag, length, value. */
function tlv(tag: number, ...values: Uint8Array[]): Buffer {
  const value = Buffer.concat(values)
  const { length } = value
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), value])
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), value])
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), value])
}

function sequence(...values: Uint8Array[]): Buffer {
  return tlv(0x30, ...values)
}

function bits(byte: number, unused: number): Buffer {
  return tlv(0x03, Buffer.of(unused, byte))
}

function name(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(OID.commonName, tlv(0x0c, Buffer.from(commonName)))))
}

/** RFC 5280 4.1.2.5: with two digits of the year up to 2049, with four from then on. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, '')
  return digits < '2050' ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}

function extension(id: Buffer, value: Buffer, critical = false): Buffer {
  return sequence(id, ...(critical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value))
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)
}

function alternativeName(hostOrAddress: string): Buffer {
  return isIP(hostOrAddress) === 0
    ? tlv(0x82, Buffer.from(hostOrAddress, 'latin1'))
    : tlv(0x87, addressBytes(hostOrAddress))
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (part: string) => part.split(':').filter((group) => group !== '')
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length
  const all = [...groups(head), ...Array<string>(missing).fill('0'), ...groups(tail ?? '')]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
