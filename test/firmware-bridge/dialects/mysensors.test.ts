import { describe, expect, it } from 'vitest'
import { mySensorsDialect } from '../../../firmware-bridge/dialects/mysensors.ts'

function speaker(freeIds: number[] = []) {
  const seen: number[][] = []
  const takeNodeId = (nodes: ReadonlySet<number>) => {
    seen.push([...nodes])
    return freeIds.shift()
  }
  const speaks = mySensorsDialect.speaker({ takeNodeId })
  const read = (line: string) => speaks.read(Buffer.from(line))
  const levels = (line: string) =>
    read(line).flatMap((fact) => (fact.kind === 'level' ? [[fact.slot, fact.remaining, fact.unit]] : []))
  return { ...speaks, speaks, read, levels, seen }
}

describe('a MySensors gateway', () => {
  it('tells levels of its children in our units, never trusted', () => {
    const { levels, read } = speaker()
    expect(levels('4;1;1;0;3;42')).toEqual([['n4-c1', 42, 'percent']])
    expect(levels('4;1;1;0;37;17.5')).toEqual([['n4-c1', 17.5, 'percent']])
    expect(levels('12;0;1;0;12;0.4205')).toEqual([['n12-c0', 420.5, 'g']])
    expect(levels('12;2;1;0;35;0.0014')).toEqual([['n12-c2', 1400, 'ml']])
    const seals = read('4;1;1;0;3;42').flatMap((fact) => (fact.kind === 'level' ? [fact.seal] : []))
    expect(seals).toEqual([{ kind: 'none', reason: 'MySensors does not sign its readings.' }])
  })
  it('says hello with the slots that were seen', () => {
    const { read } = speaker()
    expect(read('0;255;3;0;14;Gateway startup complete.')).toMatchObject([{ kind: 'hello', hello: { slots: [] } }])
    expect(read('4;1;1;0;3;42')).toMatchObject([{ kind: 'hello', hello: { slots: ['n4-c1'] } }, { kind: 'level' }])
    expect(read('4;1;1;0;3;41')).toMatchObject([{ kind: 'level' }])
    expect(read('0;255;3;0;2;2.3.2')).toMatchObject([{ hello: { firmware: { version: '2.3.2' } } }, { kind: 'answer' }])
    expect(read('0;255;3;0;2;2.3.2')).toMatchObject([{ kind: 'answer' }])
  })
  it('gives numbers to nodes that ask, other than those that were seen', () => {
    const { read, seen } = speaker([7])
    read('3;1;0;0;3;Lamp')
    expect(read('255;255;3;0;3;')).toEqual([{ kind: 'reply', line: '255;255;3;0;4;7\n' }])
    expect(seen[0]).toContain(3)
    expect(read('255;255;3;0;3;')).toEqual([{ kind: 'other' }])
  })
  it('is told that we measure metric, and answers what a lamp should be', () => {
    const { read, speaks } = speaker()
    expect(read('4;255;3;0;6;0')).toEqual([{ kind: 'reply', line: '4;255;3;0;6;M\n' }])
    read('4;9;0;0;3;Order lamp')
    expect(read('4;9;2;0;2;')).toEqual([{ kind: 'reply', line: '4;9;1;0;2;0\n' }])
    speaks.commandLine(5, 'lamp', 1)
    expect(read('4;9;2;0;2;')).toEqual([{ kind: 'reply', line: '4;9;1;0;2;1\n' }])
  })
  it('lights the lamp that was presented, and the echo is its answer', () => {
    const { speaks, read } = speaker()
    expect(speaks.commandLine(5, 'lamp', 1)).toHaveProperty('problem')
    read('4;9;0;0;3;Order lamp')
    expect(speaks.commandLine(6, 'lamp', 1)).toEqual({ line: '4;9;1;1;2;1\n' })
    expect(read('4;9;1;1;2;1')).toEqual([{ kind: 'answer', id: 6, error: undefined }])
    expect(speaks.commandLine(7, 'tare', undefined)).toHaveProperty('problem')
  })
  it('is recognised by nothing else', () => {
    const { read } = speaker()
    for (const line of [
      '',
      '4;1;1;0;3',
      '4;1;1;0;3;a\u00e4',
      '400;1;1;0;3;1',
      '4;1;9;0;3;1',
      '{"t":"ack","id":1}',
      'x4;1;1;0;3;1',
    ]) {
      expect(read(line), line).toEqual([])
    }
    for (const payload of ['', ' ', 'full', '-1', 'NaN', 'Infinity', '1e999']) {
      expect(read(`4;1;1;0;3;${payload}`), payload).toEqual([{ kind: 'other' }])
    }
  })
  it('has at most 16 slots', () => {
    const { read, levels } = speaker()
    for (let child = 0; child < 20; child++) levels(`4;${child};1;0;3;1`)
    const [hello] = read('0;255;3;0;14;')
    expect(hello?.kind === 'hello' && hello.hello.slots).toHaveLength(16)
  })
})
