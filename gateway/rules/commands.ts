import { backoffMs } from '../lib/backoff.ts'
import type { Worker } from '../lib/scheduler.ts'
import type { Clock } from '../ports/clock.ts'
import type { CommandStore, DeviceCommand } from '../ports/rules.ts'

const COMMANDS_PER_STEP = 50
const FIRST_RETRY_MS = 10_000
const LONGEST_RETRY_MS = 3_600_000
/** About a day: a device that is off longer has missed it, and the homeowner is told. */
const MAX_ATTEMPTS = 32
/** How an id of ours looks on the wire. */
const ID = /^rule-(\d{1,15})$/

/** Tells devices the commands of rules, again and again until they answer: at least once, each with its own id. */
export function commandWorker(parts: {
  store: CommandStore
  /** Publishes on the device's `command` topic. A device that is away hears it later only if its session lasts. */
  tell(deviceId: string, command: { id: string; name: string; arguments: DeviceCommand['arguments'] }): Promise<void>
  clock: Clock
}): Worker {
  return {
    name: 'commands',
    async step() {
      const nowMs = parts.clock.nowMs()
      const due = await parts.store.due(nowMs, COMMANDS_PER_STEP)
      for (const command of due) {
        const { commandId, deviceId, name, attempts } = command
        const isLast = attempts + 1 >= MAX_ATTEMPTS
        const nextAtMs = isLast ? undefined : nowMs + backoffMs(attempts, FIRST_RETRY_MS, LONGEST_RETRY_MS)
        if (!isLast) await parts.tell(deviceId, { id: `rule-${commandId}`, name, arguments: command.arguments })
        await parts.store.told(command, nextAtMs, nowMs)
      }
      return { worked: due.length > 0, nextDueAtMs: await parts.store.nextDueAtMs() }
    },
  }
}

/** Takes what devices answer; an id that is none of ours, or was answered before, changes nothing. */
export function commandAnswers(parts: { store: CommandStore; clock: Clock; onFault(error: unknown): void }) {
  return (deviceId: string, result: { id: string; ok: true } | { id: string; ok: false; error: string }): void => {
    const match = ID.exec(result.id)
    if (match === null) return
    const error = result.ok ? undefined : result.error
    parts.store.answered(deviceId, Number(match[1]), error, parts.clock.nowMs()).catch(parts.onFault)
  }
}
