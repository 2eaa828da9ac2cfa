import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseTopic, READ_TOPICS, topicOf, WRITE_TOPICS } from '../../gateway/wire/topics.ts'

const deviceId = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/)
const name = fc.constantFrom(...WRITE_TOPICS, ...READ_TOPICS)

it('reads back every topic that it writes', () => {
  fc.assert(
    fc.property(deviceId, name, (id, each) => {
      expect(parseTopic(topicOf(id, each))).toEqual({ deviceId: id, name: each })
    }),
  )
})

it('knows no other topic', () => {
  for (const topic of [
    '',
    'adept/v1',
    'adept/v1/washer-1',
    'adept/v1/washer-1/',
    'adept/v1//status',
    'adept/v1/Washer/status',
    'adept/v1/washer-1/status/',
    'adept/v1/washer-1/constructor',
    'adept/v2/washer-1/status',
    'adept/v1/washer-1/+',
    `adept/v1/${'a'.repeat(64)}/status`,
  ]) {
    expect(parseTopic(topic)).toBeUndefined()
  }
})
