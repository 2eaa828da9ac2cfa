import { fileURLToPath } from 'node:url'

/** Where Node keeps our sources without their types. */
export const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/adept', import.meta.url))
