import { existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Above this the other processes of the machine distort what is measured. */
export const QUIET_CORES = 0.3
/** Of /proc/<pid>/stat on Linux. */
const TICKS_PER_SECOND = 100

/** Measures how many cores the processes beside `ours` (pids) use from now until it is asked; NaN where there is no /proc. */
export function watchOthers(ours: number[]): () => number {
  const ownSeconds = () => ours.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const before = { busy: busySeconds(), own: ownSeconds(), atMs: performance.now() }
  return () => {
    const others = busySeconds() - before.busy - (ownSeconds() - before.own)
    return round2(Math.max(0, others) / ((performance.now() - before.atMs) / 1000))
  }
}

export function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0)
}

/** User and system time of a process; NaN where there is no /proc. */
export function cpuSeconds(pid: number): number {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return Number.NaN
  const fields = readFileSync(file, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function round2(value: number): number {
  return Math.round(value * 100) / 100
}
