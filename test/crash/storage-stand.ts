import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readNodeFile } from '../../gateway/chain/node-file.ts'
import { HomeProcesses } from '../support/home-processes.ts'
import { Reporter } from './reporter.ts'

const DISK_MIB = 64
const REPORT_EVERY_MS = 10

/** A disk of its own, small, that a round may fill, spoil and take away. Needs root. */
export class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'adept-disk-'))
  readonly #image: string | undefined

  /** `ext4` is a file system in a file, which can be made to fail as it does on a broken card. */
  constructor(kind: 'tmpfs' | 'ext4') {
    if (kind === 'tmpfs') {
      run('mount', '-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'adept', this.folder)
      return
    }
    this.#image = `${this.folder}.img`
    run('truncate', '-s', `${DISK_MIB}M`, this.#image)
    run('mkfs.ext4', '-q', this.#image)
    this.mount()
  }

  mount(): void {
    run('mount', '-o', 'loop', this.#image!, this.folder)
  }

  remount(option: 'ro' | 'rw' | 'abort'): void {
    try {
      run('mount', '-o', `remount,${option}`, this.folder)
    } catch (error) {
      // ext4 says so when it was told to abort, and does it.
      if (option !== 'abort') throw error
    }
  }

  /** As after a restart of the machine: checked, and writable again. */
  async repair(): Promise<void> {
    await this.#unmount()
    // 1: it mended something.
    execFileSync('sh', ['-c', `e2fsck -p ${this.#image} >/dev/null || [ $? = 1 ]`])
    this.mount()
  }

  async end(): Promise<void> {
    await this.#unmount()
    rmSync(this.folder, { recursive: true })
    if (this.#image !== undefined) rmSync(this.#image)
  }

  /** Who was killed a moment ago may still hold it. */
  async #unmount(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return run('umount', this.folder)
      } catch (error) {
        if (tries === 50) throw error
        await wait(100)
      }
    }
  }
}

function run(command: string, ...args: string[]): void {
  try {
    execFileSync(command, args, { stdio: 'pipe' })
  } catch (error) {
    throw new Error(`${command} failed: a disk of its own needs root and loop devices. ${(error as Error).message}`)
  }
}

/** A home on a disk of its own, and a device that reports without pause and knows which reports were acknowledged. */
export class StorageStand {
  readonly disk: SmallDisk
  home!: HomeProcesses
  #reporter!: Reporter

  private constructor(disk: SmallDisk) {
    this.disk = disk
  }

  static async start(kind: 'tmpfs' | 'ext4'): Promise<StorageStand> {
    const stand = new StorageStand(new SmallDisk(kind))
    try {
      stand.home = await HomeProcesses.start({ ADEPT_LOG_LEVEL: 'warn' }, 'no shop', stand.disk.folder)
      stand.#reporter = await Reporter.start(stand.home, 'washer', { inFlight: 1, everyMs: REPORT_EVERY_MS })
    } catch (error) {
      await stand.close()
      throw error
    }
    return stand
  }

  /** Resolves once so many more reports were acknowledged. */
  async hears(count = 20): Promise<void> {
    const wanted = this.#reporter.acknowledged.length + count
    await this.home.until(
      async () => this.#reporter.acknowledged.length,
      (now) => now >= wanted,
    )
  }

  /** Resolves once nothing was acknowledged for a second. */
  async isDeaf(): Promise<void> {
    let last = -1
    await this.home.until(
      async () => {
        const isSame = last === this.#reporter.acknowledged.length
        last = this.#reporter.acknowledged.length
        return isSame
      },
      (isSame) => isSame,
      1_000,
    )
  }

  /** What `/readyz` says; undefined: it is ready. */
  async notReady(): Promise<string | undefined> {
    const response = await fetch(`${this.home.running.httpUrl}/readyz`)
    return response.ok ? undefined : ((await response.json()) as { error: string }).error
  }

  async saysNotReady(pattern: RegExp): Promise<void> {
    await this.home.until(
      () => this.notReady().catch(String),
      (error) => error !== undefined && pattern.test(error),
    )
  }

  async isReady(): Promise<void> {
    await this.home.until(
      () => this.notReady().catch(String),
      (error) => error === undefined,
    )
  }

  /** A command as a person types it; all that it said. */
  async adept(...args: string[]): Promise<{ code: number | null; text: string }> {
    const child = spawn(process.execPath, ['gateway/cli/adept.mjs', ...args, '--data', this.home.folder])
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more) => (text += more))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, text }
  }

  /** Gateway and chain, as when the power goes. */
  async kill(): Promise<void> {
    const node = readNodeFile(this.home.folder)
    await this.home.gateway.kill()
    if (node !== undefined) process.kill(node.pid, 'SIGKILL')
  }

  /** An entry of the feed that says it. */
  async told(pattern: RegExp): Promise<void> {
    await this.home.until(
      () => this.home.api<{ feed: { text: string }[] }>('/v1/feed?limit=1000').catch(() => ({ feed: [] })),
      ({ feed }) => feed.some(({ text }) => pattern.test(text)),
    )
  }

  /** After a kill and a start: what was acknowledged and is not stored exactly once. */
  problems(): string[] {
    return this.#reporter.problems(this.home)
  }

  async close(): Promise<void> {
    await this.#reporter?.close()
    await this.home?.close()
    await this.disk.end()
  }
}
