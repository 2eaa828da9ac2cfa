import pino from 'pino'
import { expect, it } from 'vitest'
import { QuietLog } from '../../gateway/broker/quiet-log.ts'

it('says 20 lines of a kind a minute, and then how many it did not say', () => {
  const lines: { msg: string; unsaid?: number }[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const quiet = new QuietLog(log)
  for (let connect = 0; connect < 1_000; connect++) quiet.write('warn', {}, 'refused', connect)
  quiet.write('info', {}, 'disconnected', 999)
  expect(lines.map(({ msg }) => msg)).toEqual([...Array(20).fill('refused'), 'disconnected'])
  quiet.write('warn', {}, 'refused', 60_000)
  quiet.write('warn', {}, 'refused', 60_001)
  expect(lines.slice(21)).toMatchObject([{ msg: 'refused', unsaid: 980 }, { msg: 'refused' }])
  expect(lines.at(-1)).not.toHaveProperty('unsaid')
})
