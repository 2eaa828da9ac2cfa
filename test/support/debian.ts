import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Debian packages that tests need, and a command or a file that each brings. */
const NEEDED = {
  'mosquitto-clients': 'mosquitto_pub',
  'gcc-avr': 'avr-gcc',
  'avr-libc': '/usr/lib/avr/include/avr/io.h',
  'arduino-core-avr': '/usr/share/arduino/hardware/arduino/avr/cores/arduino/Arduino.h',
  avrdude: 'avrdude',
  simavr: 'simavr',
  'libsimavr-dev': '/usr/include/simavr/sim_avr.h',
  socat: 'socat',
  gcc: 'gcc',
  'libc6-dev': '/usr/include/stdio.h',
  'g++': 'g++',
  systemd: 'systemd-analyze',
} as const

/** The needed packages that are not installed. */
export function missingDebianPackages(): string[] {
  return Object.entries(NEEDED).flatMap(([name, proof]) => (isThere(proof) ? [] : [name]))
}

function isThere(proof: string): boolean {
  return proof.startsWith('/') ? existsSync(proof) : spawnSync('which', [proof]).status === 0
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
