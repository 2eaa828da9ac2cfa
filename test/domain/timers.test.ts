import { expect, it } from 'vitest'
import * as timers from '../../gateway/domain/timers.ts'

it('the timers are those of the order table', () => {
  const HOUR_MS = 3_600_000
  expect({ ...timers }).toEqual({
    QUOTE_VALID_MS: HOUR_MS / 4,
    CONSENT_WAIT_MS: 48 * HOUR_MS,
    SHIP_WITHIN_MS: 168 * HOUR_MS,
    JOIN_NEXT_MS: 30_000,
    UNDER_WAY_POLL_MS: 500,
    INSPECTION_MS: 24 * HOUR_MS,
    UNCONFIRMED_MS: 336 * HOUR_MS,
    DECISION_MS: 720 * HOUR_MS,
    REFUND_MS: 720 * HOUR_MS,
  })
})
