// A level sensor with a voltage of 0 V to 5 V (a float, a pressure cell, a slide) on pin A0.
// Once: `adept board calibrate` with the empty tank, then with one whose level you know in percent.
#include <AdeptSlot.h>

const uint16_t BETWEEN_SAMPLES_MS = 100;

AdeptScale scale(8, 2, -1, 1024);
AdeptSlot tank(Serial, "analog-level", "detergent", "percent", &scale);

void setup() {
  Serial.begin(AdeptSlot::BAUD);
  tank.begin(LED_BUILTIN);
}

void loop() {
  static uint32_t sampledAtMs = 0;
  if (millis() - sampledAtMs >= BETWEEN_SAMPLES_MS) {
    sampledAtMs = millis();
    scale.add(analogRead(A0));
  }
  tank.poll();
}
