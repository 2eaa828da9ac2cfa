// A level sensor with a voltage from 0 V to the board's own 5 V or 3.3 V (a float, a pressure cell, a slide) on pin A0.
// Once: `adept board calibrate` with the empty tank, then with one whose level you know in percent.
#include <AdeptSlot.h>

const uint8_t LAMP = 13;
const uint16_t BETWEEN_SAMPLES_MS = 100;

// An analog pin has no end that says "too much": 10 bits on an Uno, 12 on an ESP32.
AdeptScale scale(8, 2, -1, 4096);
AdeptSlot tank(Serial, "analog-level", "detergent", "percent", &scale);

void setup() {
  Serial.begin(AdeptSlot::BAUD);
  tank.begin(LAMP);
}

void loop() {
  static uint32_t sampledAtMs = 0;
  if (millis() - sampledAtMs >= BETWEEN_SAMPLES_MS) {
    sampledAtMs = millis();
    scale.add(analogRead(A0));
  }
  tank.poll();
}
