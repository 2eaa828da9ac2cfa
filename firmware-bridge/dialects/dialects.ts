import { adeptDialect } from './adept.ts'
import type { Dialect } from './dialect.ts'
import { mySensorsDialect } from './mysensors.ts'

/** In the order in which a new board is tried. No line is readable in two of them. */
export const DIALECTS: readonly Dialect[] = [adeptDialect, mySensorsDialect]
