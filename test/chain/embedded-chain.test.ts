import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type NodeFile, readNodeFile } from '../../gateway/chain/node-file.ts'
import { chainWatch } from '../../gateway/chain/watcher.ts'
import { cleanUps, isRunning, newFolder, PAYER, STARTED_AGAIN, start, until } from './embedded-fixture.ts'
import { DOLLAR, grantedFile, type Market, openMarket, saveTo } from './fixture.ts'

test('a clean stop ends the process and keeps blocks, hashes, logs and money', async () => {
  const folder = newFolder()
  const market = await openMarket({ dataFolder: folder })
  const file = await grantedFile(market)
  await market.chain.authorize([[market.order(file)]], saveTo(market))
  const all = (of: Market) => chainWatch(of.connection, { confirmations: 0, from: 'genesis' }).after([])
  const before = [await all(market), await market.chain.funds(market.wallet.address)]
  const { pid } = readNodeFile(folder)!
  market.db.close()
  await market.embedded.stop()
  await until(() => !isRunning(pid))
  expect(existsSync(join(folder, 'chain', 'node.json'))).toBe(false)

  const again = await openMarket({ dataFolder: folder })
  cleanUps.push(() => again.stop())
  expect([await all(again), await again.chain.funds(again.wallet.address)]).toEqual(before)
  // The gift is given once.
  expect((await again.chain.funds(again.wallet.address)).balance).toBe(988n * DOLLAR)
  expect((await again.chain.mandateStatus(file.mandate)).openOrders).toBe(1)
})

test('node.json tells a merchant agent how to join, and only the owner may read it', async () => {
  const folder = newFolder()
  const { chain } = await start(folder)
  const path = join(folder, 'chain', 'node.json')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readNodeFile(folder)).toMatchObject(chain.access)
  expect(new URL(chain.access.rpcUrl).hostname).toBe('127.0.0.1')
})

test('a gateway that was killed finds its node still running; a clean stop then ends it', async () => {
  const folder = newFolder()
  const first = await start(folder)
  const { pid } = readNodeFile(folder)!
  await first.rpc.send('anvil_setBalance', ['0x00000000000000000000000000000000000000cc', '0x7'])

  const second = await start(folder)
  expect(second.chain.access).toEqual(first.chain.access)
  expect(readNodeFile(folder)!.pid).toBe(pid)
  expect(await second.rpc.send('eth_getBalance', ['0x00000000000000000000000000000000000000cc', 'latest'])).toBe('0x7')
  await second.chain.stop()
  await until(() => !isRunning(pid))
  expect(second.deaths).toEqual([])
  // The killed gateway would not hear of it; here it lives on, and its clean-up must not come first.
  await until(() => first.deaths.length === 1)
})

test('a stale node.json is ignored: another process has the pid, another server the port', async () => {
  const folder = newFolder()
  const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1')
  cleanUps.push(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const rpcUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const marker = PAYER
  const stale: NodeFile = {
    pid: process.pid,
    rpcUrl,
    chainId: 427_015,
    token: PAYER,
    escrow: PAYER,
    marker,
    isWhole: true,
  }
  mkdirSync(join(folder, 'chain'))
  writeFileSync(join(folder, 'chain', 'node.json'), JSON.stringify(stale))
  const { chain } = await start(folder)
  expect(chain.access.rpcUrl).not.toBe(rpcUrl)
  await chain.stop()

  mkdirSync(join(folder, 'chain'), { recursive: true })
  writeFileSync(join(folder, 'chain', 'node.json'), '{"pid":')
  await start(folder)
})

test('the node of another folder is not adopted', async () => {
  const [one, two] = [newFolder(), newFolder()]
  await start(one)
  mkdirSync(join(two, 'chain'))
  const lie = { ...readNodeFile(one)!, marker: PAYER }
  writeFileSync(join(two, 'chain', 'node.json'), JSON.stringify(lie))
  const { chain } = await start(two)
  expect(chain.access.rpcUrl).not.toBe(lie.rpcUrl)
})

test('a node that another gateway of the folder has stopped stays stopped', async () => {
  const folder = newFolder()
  const first = await start(folder)
  const second = await start(folder)
  await second.chain.stop()
  await until(() => first.deaths.length === 1)
  expect(first.deaths).toEqual(['The embedded chain (anvil) was stopped by another gateway of this data folder.'])
  expect(readNodeFile(folder)).toBeUndefined()
})

test('a damaged state is a sentence that says what to do', async () => {
  const folder = newFolder()
  mkdirSync(join(folder, 'chain'))
  writeFileSync(join(folder, 'chain', 'state.json'), '{"block":')
  await expect(start(folder)).rejects.toThrow(/^anvil does not start with the state in .* restore it from a backup/)
  expect(existsSync(join(folder, 'chain', 'node.json'))).toBe(false)
})

test('virtual time stands still between two steps, and never goes back', async () => {
  const folder = newFolder()
  const startsAt = 1_900_000_000
  const { chain, deaths, rpc } = await start(folder, { virtualTimeSeconds: startsAt })
  const blockTime = async () => {
    await rpc.send('evm_mine', [])
    const block = (await rpc.send('eth_getBlockByNumber', ['latest', false])) as { timestamp: string }
    return Number(block.timestamp)
  }
  expect([await blockTime(), await blockTime()]).toEqual([startsAt, startsAt])
  await chain.setTime(startsAt + 86_400)
  await chain.setTime(startsAt + 86_401)
  expect([await blockTime(), await blockTime()]).toEqual([startsAt + 86_401, startsAt + 86_401])
  await expect(chain.setTime(startsAt)).rejects.toThrow('A virtual run needs a data folder of its own.')

  // A node that is started again goes on at the second where it was.
  await chain.setTime(startsAt + 86_402)
  const { pid } = readNodeFile(folder)!
  process.kill(pid, 'SIGKILL')
  await until(() => deaths.length === 1)
  expect(deaths).toEqual([STARTED_AGAIN])
  expect([await blockTime(), await blockTime()]).toEqual([startsAt + 86_402, startsAt + 86_402])
  await chain.stop()

  // Continued in virtual time, but not in the machine's.
  const resumed = await start(folder, { virtualTimeSeconds: startsAt + 90_000 })
  await resumed.rpc.send('evm_mine', [])
  await resumed.chain.stop()
  await expect(start(folder)).rejects.toThrow(/stands at 2030-03-\d\dT.* which is in the future/)
})
