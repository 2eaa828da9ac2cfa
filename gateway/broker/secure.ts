import type { Server, TLSSocket, TlsOptions } from 'node:tls'
import type { ServerCredentials } from './certificates.ts'

/** A gateway runs for longer than a certificate holds: it is looked at again this often. */
const RENEWED_EVERY_MS = 12 * 3_600_000

/** What the encrypted listeners show, and whom they believe. */
export type Secure = {
  /** Signs the certificates of devices (PEM). */
  authorityPem: string
  /** The certificate to show now; made or read anew. */
  current(): ServerCredentials
  /** The next certificate cannot be used: the listener goes on with the one before. */
  onFault(error: unknown): void
}

/**
 * TLS 1.2 or newer. A client may show a certificate, and one that our authority did not sign is as good as none: who may
 * connect is decided when it has said who it is.
 */
export function tlsOptions(secure: Secure, { connectTimeoutMs }: { connectTimeoutMs: number }): TlsOptions {
  return {
    ...secure.current(),
    ca: secure.authorityPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    handshakeTimeout: connectTimeoutMs,
  }
}

/** Gives a server its next certificate in time; connections that are there go on. */
export function renewing<S extends Server>(server: S, secure: Secure, limits: { connectTimeoutMs: number }): S {
  const timer = setInterval(() => {
    try {
      server.setSecureContext(tlsOptions(secure, limits))
    } catch (error) {
      secure.onFault(error)
    }
  }, RENEWED_EVERY_MS)
  timer.unref()
  server.once('close', () => clearInterval(timer))
  return server
}

/** DER of the certificate that the other side has shown, when our authority signed it. */
export function certificateOf(socket: TLSSocket): Uint8Array | undefined {
  return socket.authorized ? socket.getPeerX509Certificate()?.raw : undefined
}
