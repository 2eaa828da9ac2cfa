import { Command, Option } from 'commander'
import { MODES } from '../domain/order.ts'
import { contextOf } from './client.ts'
import { certificateCommand, removeCommand, rotateCommand } from './device-credentials.ts'
import { pairCommand } from './device-pair.ts'
import type { StatusAnswer } from './status.ts'

export function deviceCommand(): Command {
  return new Command('device')
    .description('add, pair, confirm and remove devices')
    .addCommand(addCommand())
    .addCommand(pairCommand())
    .addCommand(confirmCommand())
    .addCommand(registerCommand())
    .addCommand(rotateCommand())
    .addCommand(certificateCommand())
    .addCommand(removeCommand())
}

function addCommand(): Command {
  return new Command('add')
    .description('add a device and print its password, this once')
    .argument('<id>', 'its name, also its MQTT user name and client id: a–z, 0–9 and -')
    .action(async (deviceId: string, _options: unknown, command: Command) => {
      const { client, print } = contextOf(command)
      const added = await client.post<{ deviceId: string; password: string }>('/v1/devices', { deviceId })
      const { mqttPort } = await client.get<StatusAnswer>('/v1/status')
      print(
        { ...added, mqttPort },
        [
          `Added ${added.deviceId}. Its password is shown only now:`,
          '',
          `  ${added.password}`,
          '',
          `It connects by MQTT 3.1.1 to port ${mqttPort}, with ${added.deviceId} as user name and client id.`,
        ].join('\n'),
      )
    })
}

function registerCommand(): Command {
  return new Command('register')
    .description('tie a device to the registry on chain, so that its mandates end when it changes hands')
    .argument('<id>', 'the device')
    .option('--registry-id <number>', "its number there, from its maker (default: the gateway's wallet makes one)")
    .action(async (deviceId: string, { registryId }: { registryId?: string }, command: Command) => {
      const { client, print } = contextOf(command)
      const path = `/v1/devices/${encodeURIComponent(deviceId)}/register`
      const registered = await client.post<{ sentence: string }>(path, { registryId })
      print(registered, registered.sentence)
    })
}

function confirmCommand(): Command {
  return new Command('confirm')
    .description('let slots of a device do what the mode says')
    .argument('<id>', 'the device')
    .addOption(
      new Option('--mode <mode>', 'notify: tell only; ask: ask before each order; auto: buy within the mandate')
        .choices(MODES)
        .makeOptionMandatory(),
    )
    .option('--slot <slot>', 'only this slot (default: all)')
    .action(async (deviceId: string, options: { mode: string; slot?: string }, command: Command) => {
      const { client, print } = contextOf(command)
      const confirmed = await client.post<{ slots: string[] }>(`/v1/devices/${encodeURIComponent(deviceId)}/confirm`, {
        mode: options.mode,
        slot: options.slot,
      })
      print(confirmed, `${deviceId}: ${confirmed.slots.join(', ')} in mode ${options.mode}.`)
    })
}
