/**
 * npm leaves platform packages out of package-lock.json when the registry it asked does not show them, and `npm ci` then
 * stops with EUSAGE "Missing: … from lock file". This adds each missing optional dependency, with the platform that its
 * name tells. Run it after every change of dependencies: `npm run lock`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

type Entry = {
  version?: string
  license?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  optionalDependencies?: Record<string, string>
}
const LOCKFILE = 'package-lock.json'
const OS = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)/
const CPU = /\b(x64|amd64|arm64|arm|ia32|loong64|mips64el|ppc64|ppc64le|riscv64|s390x|wasm32)\b/
const lock = JSON.parse(readFileSync(LOCKFILE, 'utf8')) as { packages: Record<string, Entry> }

for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (lock.packages[key] !== undefined || lock.packages[`${path}/${key}`] !== undefined) continue
    const os = OS.exec(name)?.[0] ?? 'none'
    const cpu = CPU.exec(name)?.[0]?.replace('amd64', 'x64') ?? 'none'
    lock.packages[key] = {
      version: version.replace(/^[^\d]*/, ''),
      cpu: [cpu],
      ...(entry.dev && { dev: true }),
      ...(entry.license !== undefined && { license: entry.license }),
      optional: true,
      os: [os],
    }
    console.log(`added ${name}@${version} (${os}, ${cpu})`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(LOCKFILE, `${JSON.stringify(lock, null, 2)}\n`)
