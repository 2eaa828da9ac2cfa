// A bottle on a load cell with an HX711 amplifier: DOUT to pin 4, SCK to pin 5. The lamp is an Uno's own LED, on pin 13.
// Once: `adept board calibrate` with the empty bottle, then with a weight that you know.
#include <AdeptHx711.h>
#include <AdeptSlot.h>

const uint8_t LAMP = 13;

AdeptHx711 sensor(4, 5);
// 5 kg cells give some 400 counts a gram, 20 kg cells 100; hands off, they drift by far less than 400.
AdeptScale scale(400, 5, AdeptHx711::LOWEST, AdeptHx711::HIGHEST);
AdeptSlot bottle(Serial, "load-cell", "detergent", "g", &scale);

void setup() {
  Serial.begin(AdeptSlot::BAUD);
  sensor.begin();
  bottle.begin(LAMP);
}

void loop() {
  int32_t raw;
  if (sensor.read(raw)) scale.add(raw);
  bottle.poll();
}
