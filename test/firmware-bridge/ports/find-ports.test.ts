import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findPorts } from '../../../firmware-bridge/ports/find-ports.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'adept-ports-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function file(path: string, text = ''): string {
  const whole = join(root, path)
  mkdirSync(dirname(whole), { recursive: true })
  writeFileSync(whole, text)
  return whole
}
function link(path: string, target: string): string {
  const whole = join(root, path)
  mkdirSync(dirname(whole), { recursive: true })
  symlinkSync(target, whole)
  return whole
}
/** As udev and the kernel show a USB serial port. */
function plugIn(device: string, socket: string, idName: string, usb: Record<string, string>): void {
  const node = file(`dev/${device}`)
  link(`dev/serial/by-path/pci-0000:00-usb-${socket}`, node)
  rmSync(join(root, 'dev/serial/by-id', idName), { force: true })
  link(`dev/serial/by-id/${idName}`, node)
  for (const [name, text] of Object.entries(usb)) file(`sys/devices/usb1/${socket}/${name}`, `${text}\n`)
  mkdirSync(join(root, `sys/devices/usb1/${socket}/${socket}:1.0/${device}`), { recursive: true })
  link(`sys/class/tty/${device}/device`, join(root, `sys/devices/usb1/${socket}/${socket}:1.0/${device}`))
}
const folders = () => ({ byId: join(root, 'dev/serial/by-id'), byPath: join(root, 'dev/serial/by-path') })
const find = (ignore: string[] = [], ports = [join(root, 'dev/serial/by-id/*'), join(root, 'dev/serial/by-path/*')]) =>
  findPorts({ ports, ignore }, join(root, 'sys'), folders())

describe('a board', () => {
  it('with a serial number is called by it', () => {
    plugIn('ttyACM0', '1-1', 'usb-Arduino_Uno_7573-if00', {
      idVendor: '2341',
      idProduct: '0043',
      serial: '7573',
      product: 'Uno',
    })
    expect(find()).toEqual([
      {
        name: join(root, 'dev/serial/by-id/usb-Arduino_Uno_7573-if00'),
        device: join(root, 'dev/ttyACM0'),
        usb: { vendorId: '2341', productId: '0043', product: 'Uno' },
      },
    ])
  })
  it('without one is called by its socket: two clones share their other name', () => {
    const clone = { idVendor: '1a86', idProduct: '7523' }
    plugIn('ttyUSB0', '1-1', 'usb-1a86_USB_Serial-if00-port0', clone)
    plugIn('ttyUSB1', '1-2', 'usb-1a86_USB_Serial-if00-port0', clone)
    const names = find().map(({ name }) => name)
    expect(names.toSorted()).toEqual(
      ['1-1', '1-2'].map((socket) => join(root, `dev/serial/by-path/pci-0000:00-usb-${socket}`)),
    )
  })
  it('is ignored by any of its names', () => {
    plugIn('ttyACM0', '1-1', 'usb-Arduino_Uno_7573-if00', { idVendor: '2341', idProduct: '0043', serial: '7573' })
    expect(find([join(root, 'dev/serial/by-id/usb-Arduino*')])).toEqual([])
    expect(find([join(root, 'dev/ttyACM?')])).toEqual([])
    expect(find([join(root, 'dev/ttyUSB?')])).toHaveLength(1)
  })
  it('is called as somebody wrote it down', () => {
    const path = file('somewhere/board-1')
    expect(find([], [join(root, 'somewhere/board-*')])).toMatchObject([{ name: path, device: path, usb: undefined }])
  })
})

it('finds nothing where there is no folder, or only a link to what is gone', () => {
  expect(find()).toEqual([])
  link('dev/serial/by-id/usb-gone', join(root, 'dev/ttyACM9'))
  expect(find()).toEqual([])
})
