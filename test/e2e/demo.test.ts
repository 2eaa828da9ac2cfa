import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const DEMO = join(import.meta.dirname, '..', '..', 'device-sim', 'demo', 'demo.ts')
const GONE_WITHIN_MS = 20_000

let folder: string
const running: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-test-'))
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Starts the demo with its temporary folders inside `folder`. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [DEMO, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let output = ''
  const watching: { text: string; resolve(): void }[] = []
  const onData = (chunk: Buffer) => {
    output += chunk
    for (const { text, resolve } of watching) if (output.includes(text)) resolve()
  }
  child.stdout.on('data', onData)
  child.stderr.on('data', onData)
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, output }))
  const says = (text: string) => new Promise<void>((resolve) => watching.push({ text, resolve }))
  return { child, ended, says, output: () => output }
}

/** What a file of the running gateway says of its process. */
function pidIn(...path: string[]): number {
  const [run] = readdirSync(folder).filter((name) => name.startsWith('adept-sim-'))
  return (JSON.parse(readFileSync(join(folder, run!, 'gateway', ...path), 'utf8')) as { pid: number }).pid
}
const gatewayPid = () => pidIn('gateway.json')

/** The processes of a running demo, chain and reaper included. */
function processesOf(): number[] {
  const own = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(`${folder}/adept-sim-`))
    .map((line) => Number.parseInt(line, 10))
  return [...own, pidIn('chain', 'node.json')]
}

async function expectGone(pids: number[]): Promise<void> {
  const alive = () => pids.filter((pid) => isAlive(pid))
  for (let waitedMs = 0; alive().length > 0 && waitedMs < GONE_WITHIN_MS; waitedMs += 50) await wait(50)
  expect(alive()).toEqual([])
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A story without what is random in every run: keys, hashes, ports and real time. */
function comparable(output: string): string {
  return output
    .split('\n')
    .filter((line) => !line.startsWith('{'))
    .join('\n')
    .replaceAll(/0x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
    .replace(/in [\d.]+ s\./, 'in … s.')
}

describe('npm run demo', () => {
  test('buys, pays to the unit, fills the drawer, and leaves nothing behind; the same seed tells the same story', async () => {
    const [first, second] = await Promise.all([
      start('--json', '--seed', '7').ended,
      start('--json', '--seed', '7').ended,
    ])
    expect(first).toMatchObject({ code: 0, signal: null })
    const summary = JSON.parse(first.output.trimEnd().split('\n').at(-1) ?? '')
    expect(summary).toMatchObject({ ok: true, missing: [], order: { state: 'completed' }, seed: '7' })
    const total = BigInt(summary.order.totalMinorUnits)
    expect(total).toBeGreaterThan(0n)
    expect(BigInt(summary.before.payer) - BigInt(summary.after.payer)).toBe(total)
    expect(BigInt(summary.after.seller) - BigInt(summary.before.seller)).toBe(total)
    expect(summary.after.escrow).toBe('0')
    expect(summary.levelBeforeMl).toBeLessThan(1000)
    expect(summary.levelAfterMl).toBeGreaterThan(1330)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence is what must not be there
    expect(first.output).not.toMatch(/\x1b/)

    expect(comparable(second.output)).toBe(comparable(first.output))
    const { realSeconds, ...same } = summary
    expect(realSeconds).toBeLessThan(120)
    const other = JSON.parse(second.output.trimEnd().split('\n').at(-1) ?? '')
    expect({ ...other, order: undefined }).toMatchObject({ ...same, order: undefined })
    expect(readdirSync(folder)).toEqual([])
  })

  test('fails with a sentence when the seller has nothing to sell', async () => {
    const catalogue = join(folder, 'sold-out.yaml')
    writeFileSync(
      catalogue,
      JSON.stringify({
        name: 'Sold Out',
        products: [
          {
            sku: 'DET',
            gtin: '04006381333931',
            name: 'Detergent',
            packSize: 1400,
            contentUnit: 'ml',
            priceMinorUnits: '12490000',
            stock: 0,
          },
        ],
      }),
    )
    const { code, output } = await start('--json', '--catalogue', catalogue).ended
    expect(code).toBe(1)
    expect(output).toContain(
      '✘ The order is not completed but dropped: The seller gives no quote: Detergent is out of stock',
    )
    expect(JSON.parse(output.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      ok: false,
      after: { payer: '1000000000', escrow: '0', seller: '0' },
    })
  })

  test('fails with the sentence and the last words of a child that cannot start', async () => {
    const { code, output } = await start('--catalogue', join(folder, 'missing.yaml')).ended
    expect(code).toBe(1)
    expect(output).toContain('✘ The merchant ended unexpectedly (exit code 1).')
    expect(output).toContain('missing.yaml cannot be read')
    expect(readdirSync(folder)).toEqual([])
  })

  test('fails with its last words when the gateway dies on the way', async () => {
    const demo = start()
    await demo.says('switched on')
    const pids = processesOf()
    process.kill(gatewayPid(), 'SIGKILL')
    const { code, output } = await demo.ended
    expect(code).toBe(1)
    expect(output).toContain('✘ The gateway ended unexpectedly (SIGKILL).')
    expect(output).toContain('Last words of the gateway:')
    await expectGone(pids)
    expect(readdirSync(folder)).toEqual([])
  })

  test('ends everything on Ctrl-C', async () => {
    const demo = start()
    await demo.says('switched on')
    const pids = processesOf()
    expect(pids.length).toBe(4)
    demo.child.kill('SIGINT')
    const { code, output } = await demo.ended
    expect(code).toBe(1)
    expect(output).toContain('You ended it before the purchase was complete.')
    await expectGone(pids)
    expect(readdirSync(folder)).toEqual([])
  })

  test('nothing outlives it even when it is killed', async () => {
    const demo = start()
    await demo.says('switched on')
    const pids = processesOf()
    expect(pids.length).toBe(4)
    demo.child.kill('SIGKILL')
    await demo.ended
    await expectGone(pids)
    expect(readdirSync(folder)).toEqual([])
  })

  test('nor does the chain of a gateway that was killed just before', async () => {
    const demo = start()
    await demo.says('switched on')
    const pids = processesOf()
    demo.child.kill('SIGSTOP')
    process.kill(gatewayPid(), 'SIGKILL')
    demo.child.kill('SIGKILL')
    await demo.ended
    await expectGone(pids)
    expect(readdirSync(folder)).toEqual([])
  })

  test('--keep stays up with the dashboard until Ctrl-C', async () => {
    const demo = start('--keep')
    await demo.says('Ctrl-C ends it.')
    const url = /(http:\/\/127\.0\.0\.1:\d+)\/#token=(\S+)/.exec(demo.output())
    const answer = await fetch(`${url?.[1]}/v1/orders`, { headers: { authorization: `Bearer ${url?.[2]}` } })
    expect(((await answer.json()) as { orders: unknown[] }).orders.length).toBe(1)
    const pids = processesOf()
    demo.child.kill('SIGINT')
    expect((await demo.ended).code).toBe(0)
    await expectGone(pids)
    expect(readdirSync(folder)).toEqual([])
  })
})

test('--help tells the options', async () => {
  const { code, output } = await start('--help').ended
  expect(code).toBe(0)
  for (const option of ['--keep', '--json', '--seed', '--catalogue']) expect(output).toContain(option)
})

test('an unknown option is refused with a sentence', async () => {
  const { code, output } = await start('--sed', '1').ended
  expect(code).toBe(1)
  expect(output).toContain('--sed')
})
