/**
 * The honest device of `stand.ts`, a process of its own, so that an attack does not delay its clock. Takes
 * `{"port":…,"deviceId":…,"password":…,"session":…}` as its argument, says `ready`, and tells how it fared when its input ends.
 */
import { text } from 'node:stream/consumers'
import { RawDevice } from './raw-device.ts'
import { watchHonest } from './watch.ts'

type Job = { port: number; deviceId: string; password: string; session: string }

const { port, deviceId, password, session } = JSON.parse(process.argv[2] ?? '') as Job
const device = await RawDevice.connect(port, deviceId, password)
const watch = watchHonest(device, session)
process.stdout.write('ready\n')
await text(process.stdin)
process.stdout.write(`${JSON.stringify(await watch.stop())}\n`)
device.close()
