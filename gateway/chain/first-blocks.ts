import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { replaceFile } from '../lib/files.ts'

/** Of about 1.6 kB each: before there are so many it is not worth to write the state again. */
const MOST_FIRST_BLOCKS = 100
const FIRST_NUMBER = '0x0'

const State = z.looseObject({
  blocks: z.array(z.looseObject({ header: z.looseObject({ number: z.string(), timestamp: z.string() }) })),
})
type Block = z.infer<typeof State>['blocks'][number]

/**
 * At each start anvil adds a block 0 of its own to those of the state that it loads, so a gateway that starts again and again
 * would fill the disk. Takes all but the oldest out of a kept state; one that is damaged is left for anvil to refuse.
 */
export function dropFirstBlocks(stateFile: string): void {
  if (!existsSync(stateFile)) return
  const bytes = readFileSync(stateFile)
  if (countOf(bytes, `"number":"${FIRST_NUMBER}"`) <= MOST_FIRST_BLOCKS) return
  const state = parseState(bytes.toString())
  const [oldest] = state?.blocks.filter(isFirst).sort((one, other) => secondOf(one) - secondOf(other)) ?? []
  if (state === undefined || oldest === undefined) return
  const blocks = state.blocks.filter((block) => block === oldest || !isFirst(block))
  replaceFile(stateFile, JSON.stringify({ ...state, blocks }))
}

const isFirst = ({ header }: Block) => header.number === FIRST_NUMBER
const secondOf = ({ header }: Block) => Number(header.timestamp)

function countOf(bytes: Buffer, text: string): number {
  let count = 0
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) count++
  return count
}

function parseState(text: string): z.infer<typeof State> | undefined {
  try {
    return State.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
