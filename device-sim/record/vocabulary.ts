import type { Appliance } from '../models/appliance.ts'
import type { DeviceEvent } from '../models/device.ts'
import { APPLIANCES } from '../models/registry.ts'

const APPLIANCE_LIST: readonly Appliance[] = Object.values(APPLIANCES)
const OF_EVENTS: Record<DeviceEvent['type'], true> = {
  'cycle-started': true,
  'cycle-finished': true,
  'dose-short': true,
  fault: true,
}
/** Words of the serial bridge for what keeps a board from measuring. */
const BOARD_FAULTS = ['sensor', 'uncalibrated', 'lifted', 'overload', 'store']

export const SLOTS = new Set(APPLIANCE_LIST.flatMap(({ slots }) => slots.map(({ slot }) => slot)))
export const EVENT_TYPES = new Set(Object.keys(OF_EVENTS))
export const PROGRAMS = new Set(APPLIANCE_LIST.flatMap(({ programs }) => programs.map(({ name }) => name)))
export const FAULTS = new Set([
  ...APPLIANCE_LIST.flatMap(({ faults }) => faults.map(({ code }) => code)),
  ...BOARD_FAULTS,
])

/** Units as they end the name of a number. */
export const UNITS = words(`
  celsius fahrenheit percent share bar hpa volt volts amp amps ampere amperes watt watts kilowatts kwh hertz rpm
  ml milliliters millilitres liter liters litre litres g gram grams kg kilograms mm cm meters metres ms milliseconds seconds
  minute minutes hour hours days count cycles pages cups ppm lux dbm db
`)
/** What machines measure, and of which part. No word for a person, a place, a network or a moment may be here, nor one
 * that is also a first name, such as max or kelvin. */
const MEASURED = words(`
  temperature humidity pressure power energy current voltage frequency speed flow level weight load dose wanted remaining
  elapsed uptime runtime relative absolute average mean minimum maximum total target ambient inlet outlet supply return
  internal external room water air steam heater heating cooling pump circulation drain drum motor fan compressor door drawer
  tank hopper bowl bottle filter boiler brew spin rinse wash drying machine battery cpu memory signal wifi rssi noise vibration
  brightness turbidity hardness conductivity per
`)
/** Numbers whose name has these words only keep it: none tells of anybody. */
export const KNOWN_WORDS = new Set([
  ...UNITS,
  ...MEASURED,
  ...APPLIANCE_LIST.flatMap(({ telemetry }) => telemetry.flatMap(wordsOf)),
])

/** The name of a number has known words only, such as `circulationPumpRpm`. */
export function isMeasurement(name: string): boolean {
  return wordsOf(name).every((word) => KNOWN_WORDS.has(word))
}

/** The name ends with a unit: the number was measured, whatever else the name tells. */
export function hasUnit(name: string): boolean {
  return UNITS.has(wordsOf(name).at(-1) ?? '')
}

/** `circulationPumpRpm` and `circulation_pump_rpm` as circulation, pump, rpm. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s_-]+/)
}

function words(text: string): Set<string> {
  return new Set(text.trim().split(/\s+/))
}
