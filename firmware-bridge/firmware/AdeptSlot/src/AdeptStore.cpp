#include "AdeptStore.h"
#include "AdeptFrame.h"
#include <EEPROM.h>
#include <string.h>

namespace adept {

namespace {

constexpr int COPY_BYTES = 64;
constexpr int COUNTER_START = 2 * COPY_BYTES;
constexpr uint8_t RECORDS = 16;
constexpr uint8_t RECORD_BYTES = 5;
constexpr uint8_t MARK = 0xA5;
constexpr uint8_t NO_MARK = 0x00;

/** Settings as they lie in memory, the same on every board: little-endian, in this order. */
constexpr uint8_t BODY_BYTES = 1 + 1 + ID_BYTES + KEY_BYTES + 4 + 4 + 1;
static_assert(1 + BODY_BYTES + 2 <= COPY_BYTES, "a copy of the settings must fit its place");

#if defined(ARDUINO_ARCH_ESP32) || defined(ARDUINO_ARCH_ESP8266) || defined(ARDUINO_ARCH_RP2040)
// These have no EEPROM: their cores keep a copy of it in flash, written as a whole.
void openMemory() { EEPROM.begin(COUNTER_START + RECORDS * RECORD_BYTES); }
bool commitMemory() { return EEPROM.commit(); }
#else
void openMemory() {}
bool commitMemory() { return true; }
#endif

/** Writes only what differs: an unchanged byte neither wears nor costs its 3.3 ms. */
void writeByte(int at, uint8_t byte) {
  if (EEPROM.read(at) != byte) EEPROM.write(at, byte);
}

uint16_t crcOf(int at, uint8_t count) {
  uint16_t crc = CRC_START;
  while (count-- > 0) crc = crc16(crc, EEPROM.read(at++));
  return crc;
}

bool crcFits(int at, uint8_t count) {
  return crcOf(at, count) == ((uint16_t)EEPROM.read(at + count) | (uint16_t)EEPROM.read(at + count + 1) << 8);
}

/** One field of the settings after another, to or from memory, so that both directions share one order. */
template <typename Each> void eachField(Settings &settings, Each each) {
  each(&settings.flags, 1);
  each(settings.id, ID_BYTES);
  each(settings.key, KEY_BYTES);
  each(&settings.tare, 4);
  each(&settings.scale, 4);
  each(&settings.level, 1);
}

int copyAt(uint8_t copy) { return copy * COPY_BYTES; }

bool copyCounts(uint8_t copy) {
  return EEPROM.read(copyAt(copy)) == MARK && crcFits(copyAt(copy) + 1, BODY_BYTES);
}

} // namespace

void Store::begin(Settings &settings) {
  openMemory();
  memset(&settings, 0, sizeof settings);

  const bool first = copyCounts(0), second = copyCounts(1);
  if (first || second) {
    const uint8_t generations[2] = {EEPROM.read(copyAt(0) + 1), EEPROM.read(copyAt(1) + 1)};
    copy_ = !first || (second && (int8_t)(generations[1] - generations[0]) > 0) ? 1 : 0;
    generation_ = generations[copy_];
    int at = copyAt(copy_) + 2;
    eachField(settings, [&at](void *field, uint8_t count) {
      for (uint8_t *byte = (uint8_t *)field; count > 0; count--) *byte++ = EEPROM.read(at++);
    });
    settings.id[ID_BYTES] = '\0';
  }

  for (uint8_t record = 0; record < RECORDS; record++) {
    const int at = COUNTER_START + record * RECORD_BYTES;
    if (!crcFits(at, 3)) continue;
    const uint32_t block = (uint32_t)EEPROM.read(at) << 16 | (uint16_t)EEPROM.read(at + 1) << 8 | EEPROM.read(at + 2);
    if (hasCounter_ && block * BLOCK <= ceiling_) continue;
    hasCounter_ = true;
    ceiling_ = block * BLOCK;
    newestRecord_ = record;
  }
  next_ = ceiling_;
}

bool Store::save(const Settings &settings) {
  const uint8_t other = copy_ ^ 1;
  const int start = copyAt(other);
  writeByte(start, NO_MARK);
  int at = start + 1;
  writeByte(at++, generation_ + 1);
  Settings copied = settings;
  eachField(copied, [&at](void *field, uint8_t count) {
    for (const uint8_t *byte = (const uint8_t *)field; count > 0; count--) writeByte(at++, *byte++);
  });
  const uint16_t crc = crcOf(start + 1, BODY_BYTES);
  writeByte(at, (uint8_t)crc);
  writeByte(at + 1, (uint8_t)(crc >> 8));
  writeByte(start, MARK);
  if (!commitMemory() || !copyCounts(other)) return false;

  int kept = start + 2;
  bool same = true;
  eachField(copied, [&](void *field, uint8_t count) {
    for (const uint8_t *byte = (const uint8_t *)field; count > 0; count--) same = same && EEPROM.read(kept++) == *byte++;
  });
  if (!same) {
    writeByte(start, NO_MARK);
    return false;
  }
  copy_ = other;
  generation_++;
  return true;
}

bool Store::nextNumber(uint32_t &number) {
  if (next_ >= ceiling_ && !reserve()) return false;
  number = next_++;
  return true;
}

bool Store::startCounter() { return hasCounter_ || reserve(); }

bool Store::reserve() {
  const uint32_t block = ceiling_ / BLOCK + 1;
  if (block > 0xFFFFFF) return false; // the last number was given out: 4,294,967,040 levels are enough
  // After a failed write the next try takes another record, so that one worn cell does not stop the board; never the newest.
  if (failedWrites_ >= RECORDS - 1) return false;
  const uint8_t record = (newestRecord_ + 1 + failedWrites_) % RECORDS;
  const int at = COUNTER_START + record * RECORD_BYTES;
  writeByte(at, (uint8_t)(block >> 16));
  writeByte(at + 1, (uint8_t)(block >> 8));
  writeByte(at + 2, (uint8_t)block);
  const uint16_t crc = crcOf(at, 3);
  writeByte(at + 3, (uint8_t)crc);
  writeByte(at + 4, (uint8_t)(crc >> 8));
  const bool held = commitMemory() && crcFits(at, 3) && EEPROM.read(at + 2) == (uint8_t)block &&
                    EEPROM.read(at + 1) == (uint8_t)(block >> 8);
  if (!held) {
    failedWrites_++;
    return false;
  }
  newestRecord_ = record;
  failedWrites_ = 0;
  hasCounter_ = true;
  ceiling_ = block * BLOCK;
  return true;
}

} // namespace adept
