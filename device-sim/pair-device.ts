import { once } from 'node:events'
import { type ConnectionOptions, connect as connectTls, type DetailedPeerCertificate } from 'node:tls'
import mqtt from 'mqtt'
import { Credentials } from '../gateway/wire/messages.ts'
import { PAIRING_USER_NAME, topicOf } from '../gateway/wire/topics.ts'

const ANSWER_WITHIN_MS = 10_000

export type PairingRequest = {
  /** `mqtt://…` or `mqtts://…` */
  url: string
  deviceId: string
  /** What the homeowner was shown. */
  code: string
  /** SHA-256 of the certificate of the home's authority, in hex; needed by TLS. */
  authorityFingerprint?: string | undefined
}

/** A device's side of pairing: resolves to its secret, and by TLS to the authority that it checks the broker with. */
export async function pairDevice(request: PairingRequest): Promise<Credentials> {
  const { url, deviceId, code } = request
  // Before the code is sent.
  const ca = url.startsWith('mqtts:') ? await authorityOf(url, request.authorityFingerprint) : undefined
  const client = await mqtt.connectAsync(
    url,
    {
      protocolVersion: 4,
      clientId: deviceId,
      username: PAIRING_USER_NAME,
      password: code,
      reconnectPeriod: 0,
      connectTimeout: ANSWER_WITHIN_MS,
      ...(ca !== undefined && { ca }),
    },
    false,
  )
  try {
    const given = Promise.withResolvers<Buffer>()
    client.once('message', (_topic, payload) => given.resolve(payload))
    client.once('close', () => given.reject(new Error(`The gateway gave ${deviceId} no password. Pair it again.`)))
    const tooLong = setTimeout(() => client.stream.destroy(), ANSWER_WITHIN_MS)
    given.promise.finally(() => clearTimeout(tooLong)).catch(() => undefined)
    await client.subscribeAsync(topicOf(deviceId, 'credentials'), { qos: 1 })
    return Credentials.parse(JSON.parse((await given.promise).toString()))
  } finally {
    await client.endAsync()
  }
}

/** PEM of the authority at the end of the broker's chain; throws when it is not the one that the fingerprint names. */
async function authorityOf(url: string, fingerprint: string | undefined): Promise<string> {
  const { hostname, port } = new URL(url)
  const options: ConnectionOptions = { host: hostname, port: Number(port), rejectUnauthorized: false }
  const socket = connectTls(options)
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    let certificate: DetailedPeerCertificate = socket.getPeerCertificate(true)
    while (certificate.issuerCertificate !== undefined && certificate.issuerCertificate !== certificate) {
      certificate = certificate.issuerCertificate
    }
    if (certificate.fingerprint256?.replaceAll(':', '').toLowerCase() !== fingerprint?.toLowerCase()) {
      throw new Error(`What answers at ${url} is not the gateway of this pairing code.`)
    }
    return `-----BEGIN CERTIFICATE-----\n${certificate.raw.toString('base64')}\n-----END CERTIFICATE-----\n`
  } finally {
    socket.destroy()
  }
}
