// HX711, the usual amplifier of load cells: 24 bits, 10 or 80 samples a second, clocked out by hand.
#pragma once
#include <Arduino.h>

class AdeptHx711 {
public:
  /** The ends of its range: it stays there when the load is too much, or the cell is not connected. */
  static constexpr int32_t LOWEST = -0x800000L, HIGHEST = 0x7FFFFFL;

  AdeptHx711(uint8_t dataPin, uint8_t clockPin) : data_(dataPin), clock_(clockPin) {}

  void begin();

  /** Reads the next sample of channel A at gain 128; false while there is none. Takes 0.4 ms on an Uno. */
  bool read(int32_t &raw);

private:
  bool pulse();

  const uint8_t data_, clock_;
};
