import type { Socket } from 'node:net'

/** Lines of a socket, one at a time; throws on a line of more than `maxBytes`, ends when the connection does. */
export async function* readLines(socket: Socket, maxBytes: number): AsyncGenerator<string, void, undefined> {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0 && end <= maxBytes; end = rest.indexOf(10)) {
      yield rest.toString('utf8', 0, end)
      rest = rest.subarray(end + 1)
    }
    if (rest.length > maxBytes) throw new Error(`a line is longer than ${maxBytes} bytes`)
  }
}
