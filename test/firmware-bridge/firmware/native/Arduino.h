// Just enough of the Arduino API to compile the library for this machine, where tests can reach into it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define PROGMEM
#define PSTR(text) (text)
#define F(text) (reinterpret_cast<const __FlashStringHelper *>(text))
#define strcmp_P strcmp
#define memcpy_P memcpy
#define pgm_read_byte(at) (*reinterpret_cast<const uint8_t *>(at))
#define pgm_read_dword(at) (*reinterpret_cast<const uint32_t *>(at))

constexpr uint8_t LOW = 0, HIGH = 1, INPUT = 0, OUTPUT = 1, INPUT_PULLUP = 2, A0 = 14;

class __FlashStringHelper;

class Print {
public:
  virtual ~Print() {}
  virtual size_t write(uint8_t byte) = 0;
  virtual size_t write(const uint8_t *bytes, size_t count) {
    for (size_t at = 0; at < count; at++) write(bytes[at]);
    return count;
  }
};

class Stream : public Print {
public:
  virtual int available() = 0;
  virtual int read() = 0;
  using Print::write;
};

class HardwareSerial : public Stream {
public:
  void begin(uint32_t) {}
  int available() override;
  int read() override;
  size_t write(uint8_t) override;
};
extern HardwareSerial Serial;

uint32_t millis();
void delay(uint32_t ms);
void delayMicroseconds(unsigned us);
void noInterrupts();
void interrupts();
void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t level);
int digitalRead(uint8_t pin);
int analogRead(uint8_t pin);
