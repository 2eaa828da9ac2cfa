import { newDeviceSecret } from '../lib/device-secret.ts'
import type { Clock } from '../ports/clock.ts'
import type { MandateStore, MandateVerbs } from '../ports/mandates.ts'
import type { DeviceDesk, Endpoints, OnboardingStore } from '../ports/onboarding.ts'
import type { Certificates } from './certificates.ts'
import type { Pairing } from './pairing.ts'

const SHORT_ID = 8

/** What the homeowner does with devices; each ends the live connection that rests on what is no more. */
export function deviceDesk(parts: {
  pairing: Pairing
  store: OnboardingStore
  mandates: Pick<MandateStore, 'list'>
  revoke: MandateVerbs['revoke']
  /** Undefined: no listener speaks TLS. */
  certificates: Certificates | undefined
  endpoints(): Endpoints
  /** Drops the live connection of a device. */
  disconnect(deviceId: string): Promise<void>
  /** Ends what the broker keeps for a device that is gone. */
  forget(deviceId: string): Promise<void>
  clock: Clock
  /** The machine's own time, in virtual time too: certificates are checked against it. */
  certificateClock: Clock
}): DeviceDesk {
  const { pairing, store, clock } = parts

  /** One sentence for each mandate that still holds. */
  async function endMandates(homeId: string, deviceId: string): Promise<string[]> {
    const mine = (await parts.mandates.list(homeId)).filter(
      (row) => row.deviceId === deviceId && row.state !== 'revoked',
    )
    const sentences: string[] = []
    for (const { file } of mine) {
      try {
        sentences.push((await parts.revoke(homeId, file.mandateHash)).sentence)
      } catch {
        sentences.push(`Its mandate could not be revoked now: run \`adept mandate revoke ${file.mandateHash}\` later.`)
      }
    }
    return sentences
  }

  return {
    openPairing: (homeId, minutes, devices) => ({ ...pairing.open(homeId, minutes, devices), ...parts.endpoints() }),
    pairing: () => pairing.view(),
    endPairing() {
      pairing.end('You ended it.')
      return pairing.view()
    },
    async rotate(homeId, deviceId) {
      const { secret, secretSha256 } = newDeviceSecret()
      if (!(await store.rotate(homeId, deviceId, secretSha256))) return unknown(deviceId)
      await parts.disconnect(deviceId)
      return { ok: true, password: secret, ...parts.endpoints() }
    },
    async certificate(homeId, deviceId) {
      const { certificates, certificateClock } = parts
      if (certificates === undefined) {
        return {
          ok: false,
          sentence: 'No listener speaks TLS. Set mqtt.tls in adept.yaml and start the gateway again.',
        }
      }
      const { certificatePem, keyPem, sha256, expiresAtMs } = certificates.device(deviceId, certificateClock.nowMs())
      if (!(await store.setCertificate(homeId, deviceId, sha256))) return unknown(deviceId)
      await parts.disconnect(deviceId)
      return { ok: true, certificatePem, keyPem, authorityPem: certificates.authorityPem, expiresAtMs }
    },
    async remove(homeId, deviceId, force) {
      const removal = await store.remove(homeId, deviceId, force, clock.nowMs())
      if (removal.kind === 'unknown') return unknown(deviceId)
      const orders = removal.openOrders.map((orderId) => orderId.slice(0, SHORT_ID)).join(', ')
      if (removal.kind === 'order-open') {
        return {
          ok: false,
          sentence:
            `${deviceId} has an open order (${orders}). Wait for its end, or cancel it with \`adept order cancel\`. With --force it is ` +
            'removed now: the order goes on, and since no sensor will see the goods, only your word tells that they arrived.',
        }
      }
      await parts.disconnect(deviceId)
      await parts.forget(deviceId)
      const open =
        orders === '' ? [] : [`Its open order ${orders} goes on: say \`adept order received\` when it is there.`]
      const mandates = await endMandates(homeId, deviceId)
      const sentences = [
        `${deviceId} is removed and may not connect any more; its history stays.`,
        ...open,
        ...mandates,
      ]
      return { ok: true, sentence: sentences.join(' ') }
    },
  }
}

function unknown(deviceId: string): { ok: false; sentence: string } {
  return { ok: false, sentence: `There is no device ${deviceId}. See yours with \`adept devices\`.` }
}
