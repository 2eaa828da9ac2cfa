import { jsonText } from '../lib/json.ts'
import type { Notifier } from '../ports/notify.ts'

const TIMEOUT_MS = 10_000

/** Posts each notification as JSON; its id goes in the `Idempotency-Key` header, so that a repeat can be told. */
export function webhookNotifier(url: string): Notifier {
  return {
    async deliver(notification) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': String(notification.notificationId) },
        body: jsonText(notification),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`The webhook answered ${response.status}.`)
    },
  }
}
