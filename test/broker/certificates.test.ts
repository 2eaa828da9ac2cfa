import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { deviceOf, openCertificates, ownCertificate } from '../../gateway/broker/certificates.ts'
import { issueCertificate, makeAuthority } from '../../gateway/broker/x509.ts'

const NOW_MS = Date.UTC(2026, 10, 22)
const DAY_MS = 86_400_000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'certificates-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('makes an authority once, for whose files only their owner is let in', () => {
  const first = openCertificates(folder, NOW_MS)
  expect(openCertificates(folder, NOW_MS + DAY_MS).authorityFingerprint).toBe(first.authorityFingerprint)
  const authority = new X509Certificate(first.authorityPem)
  expect(authority).toMatchObject({ ca: true, subject: expect.stringMatching(/^CN=ADEPT home [0-9a-f]{8}$/) })
  expect(authority.verify(authority.publicKey)).toBe(true)
  expect(authority.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(first.authorityFingerprint)
  first.server(NOW_MS)
  for (const file of ['authority.pem', 'server.pem'])
    expect(statSync(join(folder, 'tls', file)).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(folder, 'tls', 'ca.crt'), 'utf8')).toBe(first.authorityPem)
})

it('issues a server certificate for every name of the machine, and another before it expires', () => {
  const certificates = openCertificates(folder, NOW_MS)
  const authority = new X509Certificate(certificates.authorityPem)
  const { cert, key } = certificates.server(NOW_MS)
  const server = new X509Certificate(cert)
  expect(server.checkIssued(authority) && server.verify(authority.publicKey)).toBe(true)
  expect(server.checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(server).toMatchObject({ ca: false, keyUsage: ['1.3.6.1.5.5.7.3.1'] })
  expect([server.checkIP('127.0.0.1'), server.checkIP('::1'), server.checkHost('localhost')]).not.toContain(undefined)
  expect(server.checkHost(hostname())).toBeDefined()

  expect(openCertificates(folder, NOW_MS).server(NOW_MS + 336 * DAY_MS).cert).toBe(cert)
  const next = new X509Certificate(certificates.server(NOW_MS + 338 * DAY_MS).cert)
  expect(Date.parse(next.validTo)).toBe(NOW_MS + (338 + 397) * DAY_MS)
  expect(next.verify(authority.publicKey)).toBe(true)
})

it('makes another server certificate when the one it has is not for this machine', () => {
  const certificates = openCertificates(folder, NOW_MS)
  const issuer = {
    commonName: /CN=(.*)/.exec(new X509Certificate(certificates.authorityPem).subject)![1]!,
    key: createPrivateKey(readFileSync(join(folder, 'tls', 'authority.pem'))),
  }
  const old = issueCertificate(issuer, { commonName: 'x', names: ['10.9.8.7'], validMs: 300 * DAY_MS, nowMs: NOW_MS })
  writeFileSync(join(folder, 'tls', 'server.pem'), old.keyPem + old.certificatePem)
  expect(new X509Certificate(certificates.server(NOW_MS).cert).checkIP('127.0.0.1')).toBeDefined()
})

it('names the device in its certificate, and writes dates from 2050 on', () => {
  const certificates = openCertificates(folder, NOW_MS)
  const { certificatePem, sha256, expiresAtMs } = certificates.device('washer-1', Date.UTC(2049, 0, 1))
  const certificate = new X509Certificate(certificatePem)
  expect(deviceOf(certificate.raw)).toEqual({ deviceId: 'washer-1', sha256 })
  expect(Date.parse(certificate.validTo)).toBe(expiresAtMs)
  expect(certificate).toMatchObject({ ca: false, keyUsage: ['1.3.6.1.5.5.7.3.2'], subjectAltName: undefined })
})

it('says what to do with an authority that it cannot use', () => {
  openCertificates(folder, NOW_MS)
  const file = join(folder, 'tls', 'authority.pem')
  writeFileSync(file, 'nonsense', { mode: 0o600 })
  expect(() => openCertificates(folder, NOW_MS)).toThrow(/authority\.pem holds no certificate authority\. Restore it/)
  rmSync(file)
  writeFileSync(file, 'nonsense', { mode: 0o644 })
  expect(() => openCertificates(folder, NOW_MS)).toThrow(/Other users .* Run: chmod 600/)
})

it('takes the owner’s own certificate, or says what is wrong with it', () => {
  const own = makeAuthority('home.example', 10 * DAY_MS, NOW_MS)
  const other = makeAuthority('other.example', 10 * DAY_MS, NOW_MS)
  const certificateFile = join(folder, 'own.crt')
  const keyFile = join(folder, 'own.key')
  writeFileSync(certificateFile, own.certificatePem)
  writeFileSync(keyFile, own.keyPem)
  const files = { certificateFile, keyFile }
  expect(ownCertificate(files, NOW_MS)).toEqual({ cert: own.certificatePem, key: own.keyPem })
  expect(() => ownCertificate(files, NOW_MS + 10 * DAY_MS)).toThrow(
    /^mqtt\.tls\.certificateFile: .*own\.crt expired on/,
  )
  expect(() => ownCertificate(files, NOW_MS - 2 * DAY_MS)).toThrow(/is not valid before .*clock/)
  writeFileSync(keyFile, other.keyPem)
  expect(() => ownCertificate(files, NOW_MS)).toThrow(/^mqtt\.tls\.keyFile: .* is not the key of the certificate\.$/)
  writeFileSync(keyFile, 'x')
  expect(() => ownCertificate(files, NOW_MS)).toThrow(/own\.key holds no private key in PEM form/)
  rmSync(keyFile)
  expect(() => ownCertificate(files, NOW_MS)).toThrow(/^mqtt\.tls\.keyFile: .* cannot be read: it is not there\.$/)
  writeFileSync(certificateFile, own.keyPem)
  expect(() => ownCertificate({ certificateFile, keyFile: certificateFile }, NOW_MS)).toThrow(/holds no certificate/)
})
