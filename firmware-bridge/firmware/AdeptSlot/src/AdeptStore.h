// What a board keeps over a power cut: its name, its key, its calibration and its counter.
#pragma once
#include <Arduino.h>

namespace adept {

constexpr uint8_t ID_BYTES = 15;
constexpr uint8_t KEY_BYTES = 32;

/** A board's own values. Any power cut leaves either the old ones or the new ones. */
struct Settings {
  enum Flag : uint8_t { HAS_KEY = 1, HAS_TARE = 2, HAS_SCALE = 4, HAS_LEVEL = 8 };

  uint8_t flags;
  char id[ID_BYTES + 1]; // "" before pairing
  uint8_t key[KEY_BYTES];
  int32_t tare;   // raw value of an empty slot
  float scale;    // raw counts for each unit
  uint8_t level;  // of a board that measures nothing: percent
};

/**
 * EEPROM layout, 208 bytes: two copies of the settings at 0 and 64, written in turn; 16 records of the counter from 128.
 *
 * A copy counts when its mark, written last, stands and its CRC fits; of two the younger generation wins. The mark is taken
 * away before a copy is written over, so that no mixture of old and new can pass.
 *
 * A counter record is a block number (3 bytes, most significant first) and its CRC-16. The oldest of 16 is written over while
 * the newest still holds. As long as the first byte does not change (65,536 blocks long) a torn record differs from a whole
 * one in a burst of at most 16 bits, which the CRC is sure to find; and a wrong one could only skip ahead, never go back.
 */
class Store {
public:
  /** Numbers that are reserved with one write. */
  static constexpr uint16_t BLOCK = 256;

  /** Reads what is there; settings that were never written are empty. */
  void begin(Settings &settings);

  /** Writes and reads back; false when the memory does not hold it: the old settings still count. */
  bool save(const Settings &settings);

  /**
   * The next number of the counter. It never returns one twice, nor a lower one, over any power cut: numbers are reserved
   * 256 at a time before the first is used. False when the memory does not take the reservation.
   */
  bool nextNumber(uint32_t &number);

  /** No later number is smaller. */
  uint32_t lowestNext() const { return next_; }

  /** A board without any counter record may sign nothing: it cannot know which numbers it has used. */
  bool hasCounter() const { return hasCounter_; }

  /** Reserves the first block, so that `hasCounter` holds. */
  bool startCounter();

private:
  bool reserve();

  uint32_t next_ = 0;
  uint32_t ceiling_ = 0;
  uint8_t newestRecord_ = 0;
  uint8_t failedWrites_ = 0;
  uint8_t copy_ = 0;
  uint8_t generation_ = 0;
  bool hasCounter_ = false;
};

} // namespace adept
