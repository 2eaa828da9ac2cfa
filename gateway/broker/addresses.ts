import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

const ANY = ['0.0.0.0', '::']

/** Whether only programs on this machine reach what listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Under which names and addresses others may find this machine: what a certificate is for. At most 32. */
export function machineNames(): string[] {
  const own = hostname().toLowerCase()
  const names = /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/.test(own) && isIP(own) === 0 ? [own] : []
  if (names.length === 1 && !own.includes('.')) names.push(`${own}.local`)
  return [...new Set([...names, 'localhost', '127.0.0.1', '::1', ...networkAddresses()])].slice(0, 32)
}

/** Addresses at which a device finds a listener on `host`, the likeliest first. */
export function reachableAddresses(host: string): string[] {
  if (!ANY.includes(host)) return [host]
  const found = networkAddresses()
  const fitting = host === '::' ? found : found.filter((address) => isIP(address) === 4)
  return fitting.length > 0 ? fitting : ['127.0.0.1']
}

/** Of this machine beyond loopback: IPv4 first; a link-local IPv6 address means nothing without its interface. */
function networkAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const beyond = all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
  return beyond.sort((one, other) => one.family.localeCompare(other.family)).map(({ address }) => address)
}
