// A button from pin 2 to ground: press it when you are running low, hold it for two seconds when you have filled up.
// A press by mistake can be undone by holding it within the minute that the lamp blinks.
#include <AdeptSlot.h>

const uint8_t BUTTON = 2, LAMP = 13;
const uint8_t LOW_PERCENT = 10, FULL_PERCENT = 100;
const uint16_t BOUNCE_MS = 30, HOLD_MS = 2000;
const uint16_t NOTED_MS = 60000, FILLED_MS = 1000;

AdeptSlot stock(Serial, "button", "detergent", "percent");

void setup() {
  Serial.begin(AdeptSlot::BAUD);
  pinMode(BUTTON, INPUT_PULLUP);
  stock.begin(LAMP);
}

void loop() {
  static uint32_t pressedAtMs = 0;
  static bool wasDown = false, wasHeld = false;

  const bool down = digitalRead(BUTTON) == LOW;
  const uint32_t forMs = millis() - pressedAtMs;
  if (down && !wasDown) {
    pressedAtMs = millis();
    wasHeld = false;
  } else if (down && !wasHeld && forMs >= HOLD_MS) {
    wasHeld = true;
    if (stock.setLevel(FULL_PERCENT)) stock.show(AdeptSlot::ON, FILLED_MS);
  } else if (!down && wasDown && !wasHeld && forMs >= BOUNCE_MS) {
    if (stock.setLevel(LOW_PERCENT)) stock.show(AdeptSlot::BLINKING, NOTED_MS);
  }
  wasDown = down;
  stock.poll();
}
