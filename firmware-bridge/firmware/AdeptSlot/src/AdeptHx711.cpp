#include "AdeptHx711.h"

void AdeptHx711::begin() {
  pinMode(clock_, OUTPUT);
  digitalWrite(clock_, LOW);
  // With a pull-up a missing sensor reads "no sample" for ever, instead of noise.
  pinMode(data_, INPUT_PULLUP);
}

bool AdeptHx711::read(int32_t &raw) {
  if (digitalRead(data_) == HIGH) return false;
  uint32_t bits = 0;
  for (uint8_t bit = 0; bit < 24; bit++) bits = bits << 1 | pulse();
  pulse(); // a 25th pulse asks for channel A at gain 128 next time
  raw = (int32_t)(bits << 8) >> 8;
  return true;
}

/**
 * The chip sleeps when its clock is high for 60 µs, so no interrupt may come in between. Only one pulse is guarded at a time:
 * guarding all would lose bytes of the serial line, which come every 87 µs.
 */
bool AdeptHx711::pulse() {
  noInterrupts();
  digitalWrite(clock_, HIGH);
  delayMicroseconds(1);
  const bool bit = digitalRead(data_) == HIGH;
  digitalWrite(clock_, LOW);
  interrupts();
  delayMicroseconds(1);
  return bit;
}
