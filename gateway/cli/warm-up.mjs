// After an install: strips the sources of their types once, so that not even the first start of the gateway does it. A start
// that must keeps the tool for it in memory, about 20 MiB. Nothing is wrong when this cannot be done.
import module from 'node:module'
import { COMPILE_CACHE } from './compile-cache.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major > 22 || (major === 22 && minor >= 18)) {
  module.enableCompileCache(COMPILE_CACHE)
  await import('./adept.ts')
  await import('../main.ts')
  const { startWriter } = await import('../ingest/thread.ts')
  const writer = await startWriter(':memory:', () => undefined)
  await writer.stop()
}
