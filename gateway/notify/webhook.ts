import { httpRequest } from '../lib/http-request.ts'
import { jsonText } from '../lib/json.ts'
import type { Notifier } from '../ports/notify.ts'

const TIMEOUT_MS = 10_000
/** Its answer is not looked at. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** Posts each notification as JSON; its id goes in the `Idempotency-Key` header, so that a repeat can be told. */
export function webhookNotifier(url: string): Notifier {
  return {
    async deliver(notification) {
      const { status } = await httpRequest(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': String(notification.notificationId) },
        body: jsonText(notification),
        timeoutMs: TIMEOUT_MS,
        maxAnswerBytes: MAX_ANSWER_BYTES,
      })
      if (status < 200 || status > 299) throw new Error(`The webhook answered ${status}.`)
    },
  }
}
