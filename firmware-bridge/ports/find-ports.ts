import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export type UsbIds = { vendorId: string; productId: string; product?: string | undefined }

/** A serial port that is there now. */
export type FoundPort = {
  /** Its name that lasts: the same after unplugging, whatever number the kernel gives. */
  name: string
  /** What it is now, such as `/dev/ttyUSB0`. */
  device: string
  usb: UsbIds | undefined
}

export type PortPatterns = { ports: readonly string[]; ignore: readonly string[] }

/** The folders in which udev links serial ports. */
const UDEV = { byId: '/dev/serial/by-id', byPath: '/dev/serial/by-path' }
/** From `ttyUSB0` up to its USB device: interface, device, and one more for hubs that put a level between. */
const MAX_USB_PARENTS = 4

/**
 * The ports that match the patterns, by their lasting names. Read from the folders that udev makes: `SerialPort.list()` spawns
 * udevadm and rejects where there is none. Clones without a serial number of their own share one name under by-id, of which
 * only the last one plugged in has the link: they are called by the socket they are in.
 */
export function findPorts({ ports, ignore }: PortPatterns, sys = '/sys', udev = UDEV): FoundPort[] {
  const linksByDevice = new Map<string, string[]>()
  for (const link of new Set(ports.flatMap(matches))) {
    const device = realPath(link)
    if (device !== undefined) linksByDevice.set(device, [...(linksByDevice.get(device) ?? []), link])
  }
  return [...linksByDevice].flatMap(([device, links]) => {
    if ([device, ...links].some((name) => ignore.some((pattern) => isMatch(pattern, name)))) return []
    const { ids, serial } = usbOf(device, sys)
    return [{ name: lastingName(links, serial !== undefined, udev), device, usb: ids }]
  })
}

function lastingName(links: string[], hasSerial: boolean, udev: typeof UDEV): string {
  const rank = (link: string) => {
    if (dirname(link) === udev.byId) return hasSerial ? 0 : 3
    // A name that somebody wrote into the configuration comes before one by socket, which may have an older spelling too.
    return dirname(link) === udev.byPath ? 2 : 1
  }
  return links.toSorted((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))[0]!
}

/** Wildcards `*` and `?` are for the last part of a path. */
function matches(pattern: string): string[] {
  const folder = dirname(pattern)
  try {
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => isMatch(pattern, path))
  } catch {
    return [] // no such folder until the first board is plugged in
  }
}

export function isMatch(pattern: string, path: string): boolean {
  if (dirname(pattern) !== dirname(path)) return false
  const source = basename(pattern)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(basename(path))
}

function usbOf(device: string, sys: string): { ids: UsbIds | undefined; serial: string | undefined } {
  let folder = realPath(join(sys, 'class/tty', basename(device), 'device'))
  for (let parents = 0; folder !== undefined && parents < MAX_USB_PARENTS; parents++) {
    const [vendorId, productId] = [textOf(join(folder, 'idVendor')), textOf(join(folder, 'idProduct'))]
    if (vendorId !== undefined && productId !== undefined) {
      const ids = { vendorId, productId, product: textOf(join(folder, 'product')) }
      return { ids, serial: textOf(join(folder, 'serial')) }
    }
    folder = dirname(folder)
  }
  return { ids: undefined, serial: undefined }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // unplugged since the folder was read
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}
