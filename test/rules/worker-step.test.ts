import { expect, it } from 'vitest'
import { homeCalendar } from '../../gateway/domain/home-calendar.ts'
import { ManualClock } from '../../gateway/lib/clock.ts'
import type { Decision } from '../../gateway/ports/rules.ts'
import { rulesWorker } from '../../gateway/rules/worker.ts'
import { bookOf, NOW_MS, situationOf } from './situation.ts'

it('a step decides on the home’s own calendar, and wakes the orders only when something was decided', async () => {
  const decisions: Decision[] = []
  let situations = [situationOf()]
  let woken = 0
  const { rules } = bookOf(`rules:
    - name: noon
      when: { level: { below: 50 % }, timeOfDay: { from: "11:30", to: "12:30" } }
      then: { order: { packs: 1 } }`)
  const worker = rulesWorker({
    store: {
      step: async (limit, atMs, rulesVersion, decide) => {
        expect([limit, atMs, rulesVersion]).toEqual([200, NOW_MS, 7])
        decisions.push(...situations.map(decide))
        return { worked: false, decided: situations.length, nextDueAtMs: 5 }
      },
    },
    rules: { current: () => ({ rules, version: 7 }), refresh: async () => undefined } as never,
    calendarIn: homeCalendar,
    clock: new ManualClock(NOW_MS),
    onDecided: () => {
      woken += 1
    },
  })
  expect(worker.name).toBe('rules')
  situations = [situationOf(), situationOf({ timeZone: 'Europe/Berlin' }), situationOf()]
  expect(await worker.step()).toEqual({ worked: false, nextDueAtMs: 5 })
  expect(decisions.map(({ outcome }) => outcome)).toEqual(['order', 'nothing', 'order'])
  expect(woken).toBe(1)
  situations = []
  await worker.step()
  expect(woken).toBe(1)
})
