import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { httpRequest } from '../../gateway/lib/http-request.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function ask(listener: RequestListener, options: { body?: string; timeoutMs?: number } = {}) {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return httpRequest(`http://127.0.0.1:${port}/path?q=1`, {
    method: 'POST',
    timeoutMs: 5_000,
    maxAnswerBytes: 1_000,
    ...options,
  })
}

test('an answer is its status and its whole text, whatever its pieces', async () => {
  const answer = await ask(
    async (request, response) => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      response.writeHead(418)
      const bytes = Buffer.from(`${request.method} ${request.url} ${body}`)
      for (const byte of bytes) response.write(Buffer.of(byte))
      response.end()
    },
    { body: 'käse' },
  )
  expect(answer).toEqual({ status: 418, text: 'POST /path?q=1 käse' })
})

test('an answer that is cut off is none', async () => {
  const cut = ask((_request, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('half', () => response.destroy())
  })
  await expect(cut).rejects.toThrow('aborted')
})

test('an answer that goes on after the time-out is none', async () => {
  const slow = ask((_request, response) => void response.writeHead(200).write('half'), { timeoutMs: 100 })
  await expect(slow).rejects.toThrow('no answer within 0.1 s')
})

test('what speaks no HTTP, or nobody, is a reason', async () => {
  const garbage = ask((request) => request.socket.end('hello\r\n\r\n'))
  await expect(garbage).rejects.toThrow('Parse Error')
  const nobody = httpRequest('http://127.0.0.1:1', { method: 'GET', timeoutMs: 1_000, maxAnswerBytes: 10 })
  await expect(nobody).rejects.toThrow('ECONNREFUSED')
})
