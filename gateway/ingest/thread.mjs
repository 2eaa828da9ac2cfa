// Entry of the writer thread. The compile cache must be on before the first source with types is loaded; a thread does not
// take it over from the process.
import module from 'node:module'
import { COMPILE_CACHE } from '../cli/compile-cache.mjs'

module.enableCompileCache(COMPILE_CACHE)
await import('./main.ts')
