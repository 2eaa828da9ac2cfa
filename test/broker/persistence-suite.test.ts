import assert from 'node:assert'
import { createRequire } from 'node:module'
import { afterAll, describe, it } from 'vitest'
import type { BrokerPersistence } from '../../gateway/broker/persistence.ts'
import { temporaryState } from './persistence-fixture.ts'

type SuiteContext = { plan(assertions: number): void; diagnostic(message: string): void; assert: typeof assert }
type Suite = (options: {
  test(name: string, body: (t: SuiteContext) => Promise<void>): void
  persistence(): BrokerPersistence
  testAsync: true
}) => void
const require = createRequire(import.meta.url)
/** aedes-persistence's own suite, which says what Aedes may rely on. */
const suite = require('aedes-persistence/abstract.js') as Suite

/** The suite's tests are written for node:test: they count their assertions. */
function test(name: string, body: (t: SuiteContext) => Promise<void>): void {
  it(name, async () => {
    let planned: number | undefined
    let made = 0
    const counting = new Proxy(assert, {
      get: (target, method: keyof typeof assert) => {
        made++
        return target[method]
      },
    })
    await body({ plan: (assertions) => (planned = assertions), diagnostic: () => undefined, assert: counting })
    if (planned !== undefined) assert.equal(made, planned, 'not all assertions were made')
  })
}

describe("aedes-persistence's suite", () => {
  const state = temporaryState()
  afterAll(state.close)
  suite({ test, testAsync: true, persistence: () => state.empty().open() })
})

/** Each step is taken by a persistence that has only just been read from the disk. */
describe("aedes-persistence's suite, with a restart before each step", () => {
  const state = temporaryState()
  afterAll(state.close)
  suite({
    test,
    testAsync: true,
    persistence() {
      let live = state.empty().open()
      const again = (): BrokerPersistence => {
        const { broker } = live
        live = state.open()
        live.broker = broker
        return live
      }
      return new Proxy(live, {
        get(_target, name: keyof BrokerPersistence) {
          const member = live[name]
          if (typeof member !== 'function') return member
          if (name === 'setup') return member.bind(live)
          const step = (...args: unknown[]) => (again()[name] as (...args: unknown[]) => unknown)(...args)
          if (/stream|list$/i.test(name)) return step
          return async (...args: unknown[]) => {
            const result = await step(...args)
            await live.committed()
            return result
          }
        },
      })
    },
  })
})
