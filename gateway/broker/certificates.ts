import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { createFileOnce, replaceFile } from '../lib/files.ts'
import { machineNames } from './addresses.ts'
import { issueCertificate, type KeyPair, makeAuthority } from './x509.ts'

const DAY_MS = 86_400_000
/** Devices carry the authority's certificate in their flash: it outlives them. */
const AUTHORITY_VALID_MS = 20 * 365 * DAY_MS
/** Clients of Apple refuse a server's certificate that is valid for more than 398 days. */
const SERVER_VALID_MS = 397 * DAY_MS
const SERVER_RENEWED_BEFORE_MS = 60 * DAY_MS
/** A device without a person beside it cannot renew its own; what ends it is its removal or the next one. */
const DEVICE_VALID_MS = 5 * 365 * DAY_MS

/** PEM of a certificate, with its chain if there is one, and of its key; both may be in one text. */
export type ServerCredentials = { cert: string; key: string }

/** The home's own certificate authority, in the folder `tls` of the data folder. */
export type Certificates = {
  /** What devices check the broker's certificate with. */
  readonly authorityPem: string
  /** SHA-256 of the authority's certificate, 64 lower-case hex digits. */
  readonly authorityFingerprint: string
  /** The broker's certificate, made anew when it is about to expire or the machine has another name or address. */
  server(nowMs: number): ServerCredentials
  /** A certificate with a new key; its common name is the device's id. Nothing of it is kept here. */
  device(deviceId: string, nowMs: number): KeyPair & { sha256: Uint8Array; expiresAtMs: number }
}

/** Opens the authority, made the first time (keys have mode 0600). Throws a sentence when it cannot be used. */
export function openCertificates(dataFolder: string, nowMs: number): Certificates {
  const folder = join(dataFolder, 'tls')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const authorityFile = join(folder, 'authority.pem')
  createFileOnce(authorityFile, () => {
    const { keyPem, certificatePem } = makeAuthority(
      `ADEPT home ${randomBytes(4).toString('hex')}`,
      AUTHORITY_VALID_MS,
      nowMs,
    )
    return Buffer.from(keyPem + certificatePem)
  })
  const { certificate, issuer } = readAuthority(authorityFile)
  const authorityPem = certificate.toString()
  // For people: what they give to a client that should trust this home.
  createFileOnce(join(folder, 'ca.crt'), () => Buffer.from(authorityPem))
  const serverFile = join(folder, 'server.pem')
  // A device that was only told the authority's fingerprint gets to see whose it is.
  const withAuthority = (text: string) => ({ cert: text + authorityPem, key: text })

  return {
    authorityPem,
    authorityFingerprint: fingerprint(certificate).toString('hex'),
    server(nowMs) {
      const names = machineNames()
      const kept = existsSync(serverFile) ? readFileSync(serverFile, 'utf8') : undefined
      if (kept !== undefined && isGoodFor(kept, names, certificate, nowMs)) return withAuthority(kept)
      const made = issueCertificate(issuer, { commonName: names[0]!, names, validMs: SERVER_VALID_MS, nowMs })
      const text = made.keyPem + made.certificatePem
      replaceFile(serverFile, text)
      return withAuthority(text)
    },
    device(deviceId, nowMs) {
      const made = issueCertificate(issuer, { commonName: deviceId, validMs: DEVICE_VALID_MS, nowMs })
      const sha256 = fingerprint(new X509Certificate(made.certificatePem))
      return { ...made, sha256, expiresAtMs: nowMs + DEVICE_VALID_MS }
    },
  }
}

/** The device that a certificate of our authority names, and its fingerprint, as the devices' rows have it. */
export function deviceOf(certificateDer: Uint8Array): { deviceId: string; sha256: Uint8Array } {
  const certificate = new X509Certificate(certificateDer)
  return { deviceId: commonNameOf(certificate) ?? '', sha256: fingerprint(certificate) }
}

/** Whether a certificate names this host or address; of whatever a stranger calls so, too. */
export function isFor(certificate: X509Certificate, name: string): boolean {
  // Node throws at what cannot be a name.
  return parsed(() => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name))) !== undefined
}

/** The owner's own certificate, read anew. Throws a sentence that names the setting when it cannot be used. */
export function ownCertificate(files: { certificateFile: string; keyFile: string }, nowMs: number): ServerCredentials {
  const cert = readSetting('certificateFile', files.certificateFile)
  const key = readSetting('keyFile', files.keyFile)
  const fault = (setting: 'certificateFile' | 'keyFile', problem: string) =>
    new Error(`mqtt.tls.${setting}: ${files[setting]} ${problem}.`)
  const certificate = parsed(() => new X509Certificate(cert))
  if (certificate === undefined) throw fault('certificateFile', 'holds no certificate in PEM form')
  const privateKey = parsed(() => createPrivateKey(key))
  if (privateKey === undefined) throw fault('keyFile', 'holds no private key in PEM form without a pass phrase')
  if (!certificate.checkPrivateKey(privateKey)) throw fault('keyFile', 'is not the key of the certificate')
  if (Date.parse(certificate.validTo) <= nowMs) {
    throw fault(
      'certificateFile',
      `expired on ${certificate.validTo}. Renew it, or take both settings away: then the gateway makes its own`,
    )
  }
  if (Date.parse(certificate.validFrom) > nowMs) {
    throw fault('certificateFile', `is not valid before ${certificate.validFrom}. Is the clock of this machine right`)
  }
  return { cert, key }
}

function readAuthority(file: string) {
  // Windows has no such modes.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new Error(`Other users of this machine may read ${file}. Run: chmod 600 ${file}`)
  }
  const text = readFileSync(file, 'utf8')
  const certificate = parsed(() => new X509Certificate(text))
  const key = parsed(() => createPrivateKey(text))
  const commonName = certificate && commonNameOf(certificate)
  if (certificate === undefined || key === undefined || commonName === undefined || !certificate.checkPrivateKey(key)) {
    throw new Error(
      `${file} holds no certificate authority. Restore it from your backup; if you delete it, the next start makes another, ` +
        'and every device that connects by TLS must be paired again.',
    )
  }
  return { certificate, issuer: { commonName, key } }
}

function isGoodFor(text: string, names: string[], authority: X509Certificate, nowMs: number): boolean {
  const certificate = parsed(() => new X509Certificate(text))
  if (certificate === undefined || !certificate.verify(authority.publicKey)) return false
  if (Date.parse(certificate.validTo) - SERVER_RENEWED_BEFORE_MS <= nowMs) return false
  return names.every((name) => isFor(certificate, name))
}

function commonNameOf(certificate: X509Certificate): string | undefined {
  return /^CN=([^\n]+)$/.exec(certificate.subject)?.[1]
}

function fingerprint(certificate: X509Certificate): Buffer {
  return Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex')
}

function readSetting(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'it is not there' : code === 'EACCES' ? 'this user may not read it' : message
    throw new Error(`mqtt.tls.${setting}: ${file} cannot be read: ${why}.`, { cause: error })
  }
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
