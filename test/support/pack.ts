import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const HELP = `Packs a tarball that can be installed elsewhere: the sources as plain JavaScript, by tsc. Node strips no types inside
node_modules.

Usage: npm run pack [-- --into <folder>]

  --into   where the tarball goes (default: this folder)
  --help   show this text
`

/** What is shipped; the rest of contracts/ is compiled when one of these needs it. */
const SHIPPED = ['gateway', 'device-sim', 'firmware-bridge']
const COMPILER_OPTIONS = {
  noEmit: false,
  declaration: true,
  rewriteRelativeImportExtensions: true,
}
/** Sources that need what only development has. */
const DEVELOPMENT = ['firmware-bridge/firmware/build.ts']
const ROOT = resolve(import.meta.dirname, '../..')

/** Builds into a temporary folder and packs it; returns the file of the tarball. */
export function pack(into: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'adept-pack-'))
  try {
    compile(folder)
    for (const file of assets()) copy(file, folder)
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(shippedPackage(), null, 2)}\n`)
    const answer = execFileSync('npm', ['pack', '--json', '--pack-destination', resolve(into)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    })
    const [packed] = JSON.parse(answer) as { filename: string }[]
    return join(resolve(into), packed!.filename)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function compile(folder: string): void {
  const config = join(folder, 'tsconfig.json')
  const inRoot = (path: string) => join(ROOT, path)
  writeFileSync(
    config,
    JSON.stringify({
      extends: inRoot('tsconfig.json'),
      compilerOptions: {
        ...COMPILER_OPTIONS,
        rootDir: ROOT,
        outDir: folder,
        typeRoots: [inRoot('node_modules/@types')],
      },
      include: SHIPPED.map(inRoot),
      exclude: DEVELOPMENT.map(inRoot),
    }),
  )
  execFileSync(process.execPath, [inRoot('node_modules/typescript/bin/tsc'), '--project', config], { stdio: 'inherit' })
  rmSync(config)
}

/** Everything beside the sources that git knows: migrations, pages, rules, scenarios, entries, firmware images. */
function assets(): string[] {
  const known = execFileSync('git', ['ls-files', ...SHIPPED, 'README.md', 'LICENSE'], { cwd: ROOT, encoding: 'utf8' })
  return known.split('\n').filter((file) => file !== '' && !file.endsWith('.ts'))
}

/** Entries in plain JavaScript import what was TypeScript. */
function copy(file: string, folder: string): void {
  const to = join(folder, file)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join(ROOT, file), to)
  if (!file.endsWith('.mjs')) return
  writeFileSync(to, readFileSync(to, 'utf8').replace(/(import\('[./\w-]+)\.ts'\)/g, "$1.js')"))
}

function shippedPackage(): object {
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>
  const { name, version, description, license, type, engines, bin, dependencies } = own
  return {
    ...{ name, version, description, license, type, engines, bin, dependencies },
    exports: { '.': './device-sim/sandbox.js', './package.json': './package.json' },
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { into: { type: 'string' }, help: { type: 'boolean' } } })
  if (values.help) process.stdout.write(HELP)
  else console.log(pack(values.into ?? '.'))
}
