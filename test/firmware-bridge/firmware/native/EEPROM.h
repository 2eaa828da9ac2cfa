// An EEPROM whose power can be cut in the middle of any byte.
#pragma once
#include <cstdint>
#include <cstring>

struct PowerCut {};

class TestEeprom {
public:
  static constexpr int BYTES = 1024;

  TestEeprom() { erase(); }
  bool begin(int) { return true; }
  bool commit() { return true; }
  void erase() { memset(bytes, 0xFF, sizeof bytes); }
  uint8_t read(int at) const { return bytes[at]; }
  void write(int at, uint8_t byte) {
    writes++;
    cellWrites[at]++;
    if (writesUntilCut == 0) {
      bytes[at] = torn == ERASED ? 0xFF : torn == HALF ? byte | 0x5A : torn == WHOLE ? byte : bytes[at];
      throw PowerCut();
    }
    if (writesUntilCut > 0) writesUntilCut--;
    if (at != wornCell) bytes[at] = byte;
  }

  /** What the byte holds at which the power went: the old, an erased, a half programmed or the new one. */
  enum Torn { OLD, ERASED, HALF, WHOLE, KINDS };

  uint8_t bytes[BYTES];
  long cellWrites[BYTES] = {};
  long writes = 0;
  long writesUntilCut = -1;
  Torn torn = OLD;
  int wornCell = -1;
};

extern TestEeprom EEPROM;
