import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readSources } from './compiler.ts'
import { GENERATED, pagesOf } from './pages.ts'

const HELP = `Writes a page for each verb of the contracts to contracts/docs, from the sources and their NatSpec.

Usage: node contracts/docs.ts [--check]

  --check   write nothing; exit 1 when a page differs from the sources
  --help    show this text
`

const folder = fileURLToPath(new URL('docs/', import.meta.url))

/** Generated pages that are on the disk. */
function existingPages(): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .filter((path) => readFileSync(join(folder, path), 'utf8').startsWith(GENERATED))
}

function main(): void {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) return void process.stdout.write(HELP)

  const wanted = pagesOf(readSources())
  const existing = existingPages()
  const surplus = existing.filter((path) => !wanted.has(path))
  const stale = [...wanted].filter(
    ([path, text]) => !existing.includes(path) || readFileSync(join(folder, path), 'utf8') !== text,
  )
  if (values.check) {
    for (const path of [...stale.map(([path]) => path), ...surplus]) {
      console.error(`contracts/docs/${path} differs from the sources: run "node contracts/docs.ts".`)
    }
    if (stale.length + surplus.length > 0) process.exitCode = 1
    else console.log(`The ${wanted.size} pages match the sources.`)
    return
  }
  for (const path of surplus) rmSync(join(folder, path))
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  console.log(`Wrote ${stale.length} of ${wanted.size} pages to contracts/docs.`)
}

if (import.meta.main) {
  try {
    main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
