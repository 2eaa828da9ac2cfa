import {
  AVRADC,
  AVRClock,
  AVREEPROM,
  AVRIOPort,
  AVRTimer,
  AVRUSART,
  adcConfig,
  avrInstruction,
  CPU,
  clockConfig,
  PinState,
  portBConfig,
  portCConfig,
  portDConfig,
  timer0Config,
  usart0Config,
} from 'avr8js'
import { Hx711 } from './hx711.ts'

export const HERTZ = 16_000_000
const FLASH_WORDS = 0x4000
const SRAM_BYTES = 2048
export const EEPROM_BYTES = 1024

/** Pins of the sketches on an Uno (README): D2 button, D4 and D5 HX711, D13 lamp. */
const BUTTON = 2
const HX711_DATA = 4
const HX711_CLOCK = 5
const LAMP = 5

const SLEEP_OPCODE = 0x9588
const SMCR = 0x53
const UCSRA_RECEIVED = 0x80
/** Start, eight data bits, stop. */
const BITS_PER_BYTE = 10
/** Timer 0 of the Arduino core: one count in 64 cycles, an interrupt each 256 counts. */
const TIMER_DIVIDER = 64
const UNTOUCHED = 0xc5

type ClockEvent = { cycles: number; callback: () => void; next: ClockEvent | null }

/**
 * An ATmega328P at 16 MHz with what the sketches use of it: serial line, timer 0, ADC, EEPROM, pins; and the parts around it.
 * Its time is its own: `run` takes it forwards, as fast as it can.
 */
export class Machine {
  readonly cpu: CPU
  readonly scale: Hx711
  /** Takes the bytes that the board sends. */
  onByte: (byte: number) => void = () => {}
  onLamp: (on: boolean) => void = () => {}
  lampOn = false
  readonly #timer: AVRTimer
  readonly #uart: AVRUSART
  readonly #adc: AVRADC
  readonly #buttonPort: AVRIOPort
  readonly #incoming: number[] = []

  /** `eeprom` is written to as the board does. */
  constructor(image: Uint8Array, eeprom: Uint8Array, onEepromWrite: () => void = () => {}) {
    const flash = new Uint16Array(FLASH_WORDS).fill(0xffff)
    new Uint8Array(flash.buffer).set(image)
    this.cpu = new CPU(flash, SRAM_BYTES)
    this.cpu.data.fill(UNTOUCHED, 0x100)

    new AVRClock(this.cpu, HERTZ, clockConfig)
    this.#timer = new AVRTimer(this.cpu, timer0Config)
    this.#adc = new AVRADC(this.cpu, adcConfig)
    new AVREEPROM(this.cpu, {
      readMemory: (at) => eeprom[at % EEPROM_BYTES]!,
      writeMemory: (at, value) => {
        eeprom[at % EEPROM_BYTES]! &= value
        onEepromWrite()
      },
      eraseMemory: (at) => {
        eeprom[at % EEPROM_BYTES] = 0xff
        onEepromWrite()
      },
    })
    this.#uart = new AVRUSART(this.cpu, usart0Config, HERTZ)
    this.#uart.onByteTransmit = (byte) => this.onByte(byte)
    this.#uart.onRxComplete = () => this.#receive()

    const portB = new AVRIOPort(this.cpu, portBConfig)
    new AVRIOPort(this.cpu, portCConfig)
    this.#buttonPort = new AVRIOPort(this.cpu, portDConfig)
    this.scale = new Hx711((high) => this.#buttonPort.setPin(HX711_DATA, high))
    let clockWasHigh = false
    this.#buttonPort.addListener(() => {
      const high = this.#buttonPort.pinState(HX711_CLOCK) === PinState.High
      if (high !== clockWasHigh) this.scale.clock(high, this.nowSeconds)
      clockWasHigh = high
    })
    portB.addListener(() => {
      const on = portB.pinState(LAMP) === PinState.High
      if (on !== this.lampOn) this.onLamp(on)
      this.lampOn = on
    })
    this.setButton(false)
    this.#sampleLater()
  }

  /** Time since the board got its power. */
  get nowSeconds(): number {
    return this.cpu.cycles / HERTZ
  }

  /** The button pulls its pin to ground. */
  setButton(pressed: boolean): void {
    this.#buttonPort.setPin(BUTTON, !pressed)
  }

  /** Voltage at A0, 0 to 5. */
  setVolts(volts: number): void {
    this.#adc.channelValues[0] = volts
  }

  /** Bytes from the host, which arrive one by one at the line's speed. */
  send(bytes: Uint8Array): void {
    const idle = this.#incoming.length === 0
    for (const byte of bytes) this.#incoming.push(byte)
    if (idle) this.#receive()
  }

  /** Bytes that are still on the line towards the board. */
  get bytesUnderWay(): number {
    return this.#incoming.length
  }

  /** Most bytes of RAM that were ever in use: static ones and the deepest stack. */
  get ramBytesTouched(): number {
    let longest = 0
    let run = 0
    for (const byte of this.cpu.data.subarray(0x100)) {
      run = byte === UNTOUCHED ? run + 1 : 0
      longest = Math.max(longest, run)
    }
    return SRAM_BYTES - longest
  }

  /** Runs until the cycle counter reaches `cycles`. A sleeping board takes no time at all. */
  run(cycles: number): void {
    const { cpu } = this
    while (cpu.cycles < cycles) {
      const sleeps = cpu.progMem[cpu.pc] === SLEEP_OPCODE && (cpu.data[SMCR]! & 1) === 1
      avrInstruction(cpu)
      if (sleeps) this.#sleep(cycles)
      cpu.tick()
    }
  }

  /**
   * Jumps to the next interrupt. avr8js wakes for each count of the timer; nobody can see one but at its overflow, so the
   * others are passed over, which makes an idle board 20 times cheaper. It reads avr8js's list of events, which is private:
   * its version is pinned, and a test watches the speed.
   */
  #sleep(limit: number): void {
    const { cpu } = this
    const asleepAt = cpu.pc
    while (cpu.pc === asleepAt && cpu.nextInterrupt < 0 && cpu.cycles < limit) {
      let event = (cpu as unknown as { nextClockEvent: ClockEvent | null }).nextClockEvent
      while (event !== null && event.callback === this.#timer.count) event = event.next
      const nextCount = cpu.cycles + Math.max(1, 255 - this.#timer.debugTCNT) * TIMER_DIVIDER
      cpu.cycles = Math.max(cpu.cycles + 1, Math.min(nextCount, event?.cycles ?? nextCount, limit))
      cpu.tick()
    }
  }

  #receive(): void {
    const { cpu } = this
    const take = () => {
      const byte = this.#incoming[0]
      if (byte === undefined) return
      // While the boot loader's time runs, nobody listens: what comes is lost, as on the desk.
      const listens = this.#uart.rxEnable
      const unread = (cpu.data[usart0Config.UCSRA]! & UCSRA_RECEIVED) !== 0
      this.#incoming.shift()
      if (listens && !unread) this.#uart.writeByte(byte, true)
      else this.#receive()
    }
    if (this.#incoming.length > 0) cpu.addClockEvent(take, (HERTZ * BITS_PER_BYTE) / this.#uart.baudRate)
  }

  #sampleLater(): void {
    const cycles = Math.round(this.scale.dueAt * HERTZ) - this.cpu.cycles
    this.cpu.addClockEvent(() => {
      // Waking from sleep moves the next sample; then this one is not due yet.
      if (this.nowSeconds >= this.scale.dueAt - 1e-6) this.scale.tick(this.nowSeconds)
      this.#sampleLater()
    }, cycles)
  }
}
