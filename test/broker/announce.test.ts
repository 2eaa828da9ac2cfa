import Bonjour from 'bonjour-service'
import { expect, it } from 'vitest'
import { announce } from '../../gateway/broker/announce.ts'

it('tells of listeners beyond loopback until it is taken back', async () => {
  const faults: unknown[] = []
  const onFault = (error: unknown) => faults.push(error)
  const listening = [
    { transport: 'tcp', host: '127.0.0.1', port: 1883 },
    { transport: 'tls', host: '127.0.0.1', port: 8883 },
    { transport: 'wss', host: '127.0.0.1', port: 9001 },
  ] as const
  expect(await announce(listening, { name: 'nobody hears this', onFault })).toBeUndefined()

  const name = `ADEPT test ${process.pid}`
  const takeBack = await announce(listening, { name, onFault, onLoopback: true })
  const asker = new Bonjour({ interface: '127.0.0.1', bind: '0.0.0.0' } as object)
  const heard: string[] = []
  for (const type of ['mqtt', 'secure-mqtt']) {
    asker.find({ type }, (service) => {
      if (service.name.startsWith(name)) heard.push(`${service.type} ${service.port}`)
    })
  }
  await expect.poll(() => heard.toSorted(), { timeout: 10_000 }).toEqual(['mqtt 1883', 'secure-mqtt 8883'])
  await takeBack!()
  await new Promise<void>((resolve) => asker.destroy(resolve))
  expect(faults).toEqual([])
})
