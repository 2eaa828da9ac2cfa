import { describe, expect, it } from 'vitest'
import type { Appliance } from '../../../device-sim/models/appliance.ts'
import { APPLIANCES } from '../../../device-sim/models/registry.ts'
import { anonymised, type StoredReading } from '../../../device-sim/record/anonymise.ts'
import { parseRecording, recordingText } from '../../../device-sim/record/recording.ts'

const DAY_MS = 86_400_000
/** A Thursday, 14:30 UTC. */
const AT_MS = Date.UTC(2025, 10, 13, 14, 30)
const reading = (more: Partial<StoredReading>): StoredReading => ({
  deviceId: 'annas-washer',
  session: '5f3a91c2',
  kind: 'consumable',
  measuredAtMs: AT_MS - 1_000,
  isGatewayTime: false,
  receivedAtMs: AT_MS,
  body: { session: '5f3a91c2', seq: 17, slot: 'detergent', remaining: 420, unit: 'ml' },
  ...more,
})
const telemetry = (values: object) => reading({ kind: 'telemetry', body: { values } })
const event = (type: string, detail: object) => reading({ kind: 'event', body: { type, detail } })
const DESCRIPTION = {
  maker: 'Samsung of Anna',
  model: 'W9000',
  firmware: { version: '1.4.2', sha256: '9f'.repeat(32) },
  slots: [
    {
      slot: 'detergent',
      unit: 'ml',
      capacity: 1400,
      degradationDirection: 'down',
      replacementProducts: [
        { type: 'gtin14', value: '04006381333931' },
        { type: 'oem', value: 'ANNA-7' },
      ],
    },
  ],
}
const READINGS = [
  reading({}),
  reading({
    deviceId: 'bobs-printer',
    session: 'b',
    receivedAtMs: AT_MS + 5,
    body: { slot: 'black', remaining: 3, unit: 'percent' },
  }),
  reading({
    kind: 'telemetry',
    receivedAtMs: AT_MS + DAY_MS,
    isGatewayTime: true,
    body: { values: { temperatureCelsius: 40, latitude: 48.1, wifiSsid: 7, deviceSerial: 9 } },
  }),
  reading({
    kind: 'event',
    session: 'secondboot',
    receivedAtMs: AT_MS + DAY_MS,
    body: {
      type: 'cycle-finished',
      detail: { program: 'cotton-40', doseMl: 38, user: 'Anna', note: 'call +49 89 1', phoneDigits: 4989, eco: true },
    },
  }),
  reading({
    kind: 'event',
    receivedAtMs: AT_MS + DAY_MS,
    body: { type: 'Anna is home', detail: { code: 'Anna is home' } },
  }),
]
const recording = anonymised(new Map([['annas-washer', DESCRIPTION]]), READINGS)

describe('a recording', () => {
  it('keeps what the rules work with', () => {
    expect(recording.devices).toEqual([
      {
        maker: 'Recorded',
        model: 'device-1',
        slots: [{ ...DESCRIPTION.slots[0], replacementProducts: [{ type: 'gtin14', value: '04006381333931' }] }],
      },
      { maker: 'Recorded', model: 'device-2', slots: [] },
    ])
    expect(recording.readings.map(({ device, session, kind, body }) => [device, session, kind, body])).toEqual([
      [0, 0, 'consumable', { slot: 'detergent', remaining: 420, unit: 'ml' }],
      [1, 0, 'consumable', { slot: 'black', remaining: 3, unit: 'percent' }],
      [0, 0, 'telemetry', { values: { temperatureCelsius: 40 } }],
      [0, 1, 'event', { type: 'cycle-finished', detail: { program: 'cotton-40', doseMl: 38 } }],
      [0, 0, 'event', { type: 'event-1', detail: { code: 'fault-1' } }],
    ])
  })

  it('keeps that a sender did not trust its level, and not why', () => {
    const { readings } = anonymised(new Map(), [
      reading({
        body: { slot: 'detergent', remaining: 5, unit: 'ml', unverified: 'The board of Anna is not paired.' },
      }),
    ])
    expect(readings[0]?.body).toEqual({
      ...{ slot: 'detergent', remaining: 5, unit: 'ml' },
      unverified: 'Its sender did not trust it.',
    })
    const text = recordingText({ ...recording, readings })
    expect(parseRecording(text, 'f').readings).toEqual(readings)
  })

  it('keeps numbers of telemetry by the words of their names, and by their units without the names', () => {
    const { readings } = anonymised(new Map(), [
      telemetry({ relativeHumidity: 61, circulationPumpRpm: 1200, machineHours: 1_204, flow_litres_per_minute: 1.5 }),
      telemetry({ annaWeightKg: 71, bobWeightKg: 90 }),
      telemetry({ imei: 356_938_035_643_809, customerId: 48_213, postcode: 80_331, householdNumber: 4_711, pin: 12 }),
      telemetry({ seconds: 1_763_044_200, maxWeightKg: 99_999.5, uptimeMs: 999_999_999 }),
      telemetry({ bobWeightKg: 91, annaPhoneCount: 498_912_345, lat: 48.137, latitudeDegrees: 48.137, kg1985: 3 }),
    ])
    expect(readings.map(({ body }) => body)).toEqual([
      { values: { relativeHumidity: 61, circulationPumpRpm: 1200, machineHours: 1_204, flow_litres_per_minute: 1.5 } },
      { values: { 'field-1': 71, 'field-2': 90 } },
      { values: {} },
      { values: { 'field-3': 99_999.5, uptimeMs: 999_999_999 } },
      { values: { 'field-2': 91 } },
    ])
  })

  it('keeps details of events that it knows, and renames words of its own', () => {
    const { readings } = anonymised(new Map(), [
      event('anna-came-home', { contractId: 48_213, pinCode: 1234, count: 4_989_123_456, mode: 'anna', doorCode: 'x' }),
      event('cycle-finished', { program: 'annas-favourite', slot: 'annas-detergent', doseMl: 38, loadShare: 0.5 }),
      event('fault', { code: 'anna1985', fault: 'lifted', program: 'cotton-40' }),
      event('anna-left', { program: 'annas-favourite', code: 17, __proto__: 1, constructor: 'anna' }),
      event('anna-came-home', {}),
    ])
    expect(readings.map(({ body }) => body)).toEqual([
      { type: 'event-1', detail: {} },
      { type: 'cycle-finished', detail: { program: 'program-1', slot: 'slot-1', doseMl: 38, loadShare: 0.5 } },
      { type: 'fault', detail: { code: 'fault-1', fault: 'lifted', program: 'cotton-40' } },
      { type: 'event-2', detail: { program: 'program-1' } },
      { type: 'event-1', detail: {} },
    ])
  })

  it('gives a slot the same name in levels, events and the description', () => {
    const slots = ['slot-1', 'detergent', 'annas-detergent'].map((slot) => ({ slot, unit: 'ml', capacity: 1400 }))
    const { devices, readings } = anonymised(new Map([['annas-washer', { maker: 'm', model: 'm', slots }]]), [
      reading({ body: { slot: 'annas-detergent', remaining: 5, unit: 'ml' } }),
      event('cycle-finished', { slot: 'annas-detergent', doseMl: 38 }),
    ])
    expect(readings.map(({ body }) => body)).toEqual([
      { slot: 'slot-1', remaining: 5, unit: 'ml' },
      { type: 'cycle-finished', detail: { slot: 'slot-1', doseMl: 38 } },
    ])
    expect(devices[0]?.slots.map(({ slot }) => slot)).toEqual(['slot-2', 'detergent', 'slot-1'])
  })

  it('keeps all that the appliance models say', () => {
    for (const { telemetry: names, programs, slots } of Object.values<Appliance>(APPLIANCES)) {
      const values = Object.fromEntries(names.map((name, index) => [name, index]))
      const details = slots.map(({ slot }) => ({ program: programs[0]!.name, slot, doseCount: 1, wantedPercent: 2 }))
      const { readings } = anonymised(new Map(), [
        telemetry(values),
        ...details.map((detail) => event('dose-short', detail)),
      ])
      expect(readings.map(({ body }) => body)).toEqual([
        { values },
        ...details.map((detail) => ({ type: 'dose-short', detail })),
      ])
    }
  })

  it('keeps weekday and time of day, and loses the date', () => {
    // Thursday 14:30 after a Monday at midnight.
    const thursdayMs = 3 * DAY_MS + 14.5 * 3_600_000
    expect(recording.readings.map(({ receivedMs, measuredMs }) => [receivedMs, measuredMs])).toEqual([
      [thursdayMs, thursdayMs - 1_000],
      [thursdayMs + 5, thursdayMs - 1_000],
      [thursdayMs + DAY_MS, undefined],
      [thursdayMs + DAY_MS, thursdayMs - 1_000],
      [thursdayMs + DAY_MS, thursdayMs - 1_000],
    ])
  })

  it('has no word left that tells whose it is', () => {
    const text = recordingText(recording)
    expect(text).not.toMatch(/anna|bob|samsung|w9000|9f9f|1\.4\.2|5f3a91c2|secondboot|48\.1|ssid|4989|serial/i)
    expect(text).not.toContain(String(AT_MS).slice(0, 6))
  })

  it('is read as it was written', () => {
    expect(parseRecording(recordingText(recording), 'f')).toEqual(recording)
  })

  it.each([
    ['', '{"format":"adept recording"', 'f:1: this is no line of a recording'],
    ['a line that is cut', recordingText(recording).slice(0, -20), 'f:6: this is no line of a recording'],
    [
      'a last line that is gone',
      recordingText(recording).split('\n').slice(0, -2).join('\n'),
      'f was cut off: it has 4 of 5 readings',
    ],
    ['a stranger', recordingText(recording).replace('"device":1', '"device":7'), 'f:3: there is no device 7 in it.'],
    ['a level below nothing', recordingText(recording).replace('"remaining":420', '"remaining":-1'), 'f:2: '],
  ])('says what is wrong with %s', (_what, text, sentence) => {
    expect(() => parseRecording(text, 'f')).toThrow(sentence)
  })
})
