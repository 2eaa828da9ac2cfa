// Runs a sketch on this machine, with an HX711 at its pins 16 and 17. Standard input sets the load: `raw 58000`, `off`, `on`.
// Standard output tells the lamp: `lamp 1`.
#include <Arduino.h>
#include <EEPROM.h>
#include <chrono>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>

TestEeprom EEPROM;
void setup();
void loop();

namespace {
// The board's time goes by with its own steps, so that a busy machine does not look like a silent sensor.
uint32_t nowMs = 0;
constexpr uint32_t STEP_MS = 5;
uint32_t sampleAtMs = 0;
int32_t raw = 8000;
bool connected = true;
int pulses = 0;
bool data = true;
uint8_t lamp = LOW;
constexpr uint8_t DATA = 16, CLOCK = 17, LAMP = 2;
} // namespace

uint32_t millis() { return nowMs; }
void delay(uint32_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  nowMs += ms;
}
void delayMicroseconds(unsigned) {}
void noInterrupts() {}
void interrupts() {}
void pinMode(uint8_t, uint8_t) {}
int analogRead(uint8_t) { return 0; }
uint32_t esp_random() { return std::random_device()(); }

int digitalRead(uint8_t pin) {
  if (pin != DATA) return HIGH;
  if (pulses == 0 && connected && millis() - sampleAtMs >= 100) data = false;
  return data ? HIGH : LOW;
}

void digitalWrite(uint8_t pin, uint8_t level) {
  if (pin == LAMP && level != lamp) {
    lamp = level;
    std::cout << "lamp " << (int)lamp << std::endl;
  }
  if (pin != CLOCK || level != HIGH || (pulses == 0 && data)) return;
  pulses++;
  data = pulses <= 24 ? (raw >> (24 - pulses)) & 1 : true;
  if (pulses == 25) {
    pulses = 0;
    sampleAtMs = millis();
  }
}

int main() {
  setup();
  for (;;) {
    pollfd input = {0, POLLIN, 0};
    if (poll(&input, 1, 1) > 0) {
      std::string word;
      if (!(std::cin >> word)) return 0;
      if (word == "raw") std::cin >> raw;
      if (word == "off") connected = false;
      if (word == "on") connected = true;
    }
    nowMs += STEP_MS;
    loop();
  }
}
