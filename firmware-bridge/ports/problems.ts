import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'

/** Why a port could not be opened, as a sentence that says what to do. */
export function openingProblem(error: unknown, path: string): string {
  const message = error instanceof Error ? error.message : String(error)
  if (/permission denied|EACCES|EPERM/i.test(message)) {
    const group = groupOf(path) ?? 'dialout'
    return `This user may not open ${path}. Type: sudo usermod -aG ${group} ${userInfo().username} and log in again.`
  }
  if (/cannot lock port|resource busy|EBUSY|temporarily unavailable/i.test(message)) {
    return (
      useProblem(path) ??
      `${path} is in use by another program, maybe of another user. Type: sudo fuser -v ${path} to see which.`
    )
  }
  if (/no such file|ENOENT|ENXIO|ENODEV/i.test(message)) return `${path} is gone: plug the board in again.`
  return `${path} cannot be opened: ${message.replace(/\.$/, '')}.`
}

/** Who has the port open, as a sentence; undefined: nobody whom this user may see. */
export function useProblem(path: string): string | undefined {
  const holders = holdersOf(path)
  return holders.length === 0 ? undefined : `${path} is in use by ${holders.join(' and ')}: close it there.`
}

/** What a port that speaks no known language seems to be. */
export function silenceProblem(path: string, heard: { bytes: number; textBytes: number; lastLine: string }): string {
  const orIgnore = 'If this is no board, name it under ignore in bridge.yaml.'
  if (heard.bytes === 0) {
    return `Nothing comes from ${path}: is one of our sketches on the board? Type: adept board flash --help. ${orIgnore}`
  }
  if (heard.textBytes < heard.bytes * TEXT_SHARE) {
    return `What comes from ${path} is no text: its baud rate is not the bridge's. Use 115200 in the sketch, or set baudRate in bridge.yaml. ${orIgnore}`
  }
  return `What comes from ${path} is neither our line nor MySensors; the last was "${heard.lastLine}". Flash one of our sketches: adept board flash --help. ${orIgnore}`
}

/** A wrong baud rate turns about every second byte into something that is no text. */
const TEXT_SHARE = 0.9

/** The processes that have the device open, as far as this user may see them: `arduino-ide (process 812)`. */
function holdersOf(path: string): string[] {
  const device = realPath(path)
  if (device === undefined) return []
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && isUser(openFiles(pid), device))
    .map((pid) => `${readOr(join('/proc', pid, 'comm'), 'a program')} (process ${pid})`)
}

/** Who makes a pseudo terminal, such as the simulator's socat, keeps it open too: it is the board, not a user of it. */
function isUser(files: ReadonlySet<string>, device: string): boolean {
  return files.has(device) && !(device.startsWith('/dev/pts/') && files.has('/dev/ptmx'))
}

function openFiles(pid: string): ReadonlySet<string> {
  const folder = join('/proc', pid, 'fd')
  try {
    return new Set(readdirSync(folder).flatMap((fd) => linkOf(join(folder, fd)) ?? []))
  } catch {
    return new Set() // another user's process, or one that has ended
  }
}

function linkOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined // closed meanwhile
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // gone
  }
}

/** The group that may open the device: `dialout` on Debian, `uucp` on Arch. */
function groupOf(path: string): string | undefined {
  try {
    const { gid } = statSync(path)
    const line = readOr('/etc/group', '')
      .split('\n')
      .find((one) => one.split(':')[2] === String(gid))
    const name = line?.split(':')[0]
    return name === 'root' ? undefined : name
  } catch {
    return undefined
  }
}

function readOr(file: string, other: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return other
  }
}
