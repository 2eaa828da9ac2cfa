import { execFileSync, spawnSync } from 'node:child_process'

/** Debian packages that tests need, and a command that each brings. */
const NEEDED = { 'mosquitto-clients': 'mosquitto_pub' } as const

/** The needed packages whose command is not on the PATH. */
export function missingDebianPackages(): string[] {
  return Object.entries(NEEDED).flatMap(([name, command]) => (spawnSync('which', [command]).status === 0 ? [] : [name]))
}

/** The sentence for somebody who has to install them by hand. */
export function installSentence(packages: string[]): string {
  return `Missing: ${packages.join(', ')}. Install with: sudo apt-get install -y ${packages.join(' ')}`
}

/** Installs what is missing when this is root, saying so; otherwise throws the command to type. */
export function installDebianPackages(): void {
  const missing = missingDebianPackages()
  if (missing.length === 0) return
  if (process.getuid?.() !== 0) throw new Error(installSentence(missing))
  console.log(`Installing Debian packages: ${missing.join(', ')}`)
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { stdio: 'inherit' })
}
