import { Command } from 'commander'
import type { DeviceView, SlotView } from '../ports/devices.ts'
import { contextOf } from './client.ts'
import { table } from './text.ts'

export function devicesCommand(): Command {
  return new Command('devices')
    .description('show devices and the levels of their slots')
    .action(async (_options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const answer = await client.get<{ devices: DeviceView[] }>('/v1/devices')
      const rows = answer.devices.flatMap((device) =>
        device.slots.length === 0
          ? [[device.deviceId, device.status, '', '', '', 'has not described itself yet']]
          : device.slots.map((slot) => [device.deviceId, device.status, ...slotCells(slot)]),
      )
      print(
        answer.devices,
        table(
          ['DEVICE', 'STATUS', 'SLOT', 'LEVEL', 'MODE', 'NOTE'],
          rows,
          'No device yet. Add one with `adept device add <id>`.',
        ),
      )
    })
}

function slotCells({ slot, description, level, mode, suspendedReason, lastDecision }: SlotView): string[] {
  const amount =
    level === undefined ? 'none yet' : `${level.remaining}/${description?.capacity ?? '?'} ${level.unit} ${level.mark}`
  // What the rules decided of a level that is not verified only repeats its mark.
  const why = level?.markReason || (suspendedReason === '' ? lastDecision : '')
  const notes = [suspendedReason && `buys nothing: ${suspendedReason}`, why]
  return [slot, amount, mode, notes.filter(Boolean).join('; ')]
}
