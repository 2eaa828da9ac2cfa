import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningGateway, runGateway } from './running-gateway.ts'

let gateway: RunningGateway
let streams: AbortController
beforeEach(async () => {
  streams = new AbortController()
  gateway = await runGateway()
})
afterEach(async () => {
  streams.abort()
  await gateway.stop()
})

async function open(query = '', headers: Record<string, string> = {}, signal = streams.signal): Promise<Response> {
  return fetch(`${gateway.url}/v1/feed/stream${query}`, {
    headers: { authorization: `Bearer ${gateway.token}`, ...headers },
    signal,
  })
}

/** The texts of the next `count` entries. */
async function texts(response: Response, count: number): Promise<string[]> {
  const found: string[] = []
  let rest = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) found.push((JSON.parse(data) as { text: string }).text)
    }
    if (found.length >= count) break
  }
  return found
}

test('a stream goes on from the entry that the reader has, then shows what comes', async () => {
  for (const text of ['one', 'two', 'three']) gateway.tell('low', text)
  expect(await texts(await open('?after=1'), 2)).toEqual(['two', 'three'])
  // The header, which a reader sends after a break, goes before the address it once opened.
  expect(await texts(await open('?after=0', { 'last-event-id': '2' }), 1)).toEqual(['three'])

  const fromNow = await open()
  expect(fromNow.headers.get('content-type')).toBe('text/event-stream')
  gateway.tell('low', 'four')
  expect(await texts(fromNow, 1)).toEqual(['four'])
})

test('more entries than one read holds arrive whole and in order', async () => {
  const told = Array.from({ length: 250 }, (_, index) => `entry ${index}`)
  for (const text of told) gateway.tell('low', text)
  expect(await texts(await open('?after=0'), 250)).toEqual(told)
})

test('an entry that nobody nudged about is found by the poll', async () => {
  const stream = await open()
  gateway.db
    .prepare(`INSERT INTO notifications (home_id, kind, at_ms, text) VALUES ('home', 'low', 1, 'unheard')`)
    .run()
  expect(await texts(stream, 1)).toEqual(['unheard'])
})

test('there are at most 32 streams, and a closed one makes room', async () => {
  const first = new AbortController()
  await open('', {}, first.signal)
  for (let count = 1; count < 32; count++) expect((await open()).status).toBe(200)
  const refused = await open()
  expect(refused.status).toBe(503)
  expect(await refused.json()).toEqual({ error: expect.stringMatching(/32 live streams/) })
  first.abort()
  await expect.poll(async () => (await open()).status).toBe(200)
})

test('stopping the server ends the streams', async () => {
  const stream = await open()
  const ended = texts(stream, 1)
  await gateway.server.stop()
  expect(await ended).toEqual([])
})

test('a wrong token or cursor gets a sentence and no stream', async () => {
  expect((await open('', { authorization: 'Bearer x' })).status).toBe(401)
  expect((await open('?after=last')).status).toBe(400)
})
