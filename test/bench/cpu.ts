import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Above this the other processes of the machine distort what is measured. */
export const QUIET_CORES = 0.3
/** Of /proc/<pid>/stat on Linux. */
const TICKS_PER_SECOND = 100

/** Time that all cores of the machine were busy. */
export function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0)
}

/** User and system time of a process; NaN where there is no /proc. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid)
  return fields === undefined ? Number.NaN : secondsOf(fields)
}

/** The same of this process and all that live and descend from it; NaN where there is no /proc. */
export function familyCpuSeconds(): number {
  if (!existsSync('/proc')) return Number.NaN
  const all = new Map(
    readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [[Number(name), statOf(Number(name))]] : [])),
  )
  let seconds = 0
  for (const [pid, fields] of all) if (fields !== undefined && descends(pid)) seconds += secondsOf(fields)
  return seconds

  function descends(pid: number): boolean {
    for (let at = pid; at > 1; at = Number(all.get(at)?.[1] ?? 0)) if (at === process.pid) return true
    return false
  }
}

/** Fields of /proc/<pid>/stat from the state on: parent second, user and system ticks twelfth and thirteenth. */
function statOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  } catch {
    return undefined
  }
}

function secondsOf(fields: string[]): number {
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** How many cores all processes but `ours` (pids) use, from now until it is asked; NaN where there is no /proc. */
export function watchOthers(ours: number[]): () => number {
  const ownSeconds = () => ours.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const before = { busy: busySeconds(), own: ownSeconds(), atMs: performance.now() }
  return () => {
    const others = busySeconds() - before.busy - (ownSeconds() - before.own)
    return round2(Math.max(0, others) / ((performance.now() - before.atMs) / 1000))
  }
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function round2(value: number): number {
  return Math.round(value * 100) / 100
}

export function percentile(numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return round2(sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN)
}
