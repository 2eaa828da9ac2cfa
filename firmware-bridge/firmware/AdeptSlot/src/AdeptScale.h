// A sensor whose raw values lie on a line: a load cell, a float, a light gate on an analog pin.
#pragma once
#include "AdeptStore.h"
#include <Arduino.h>

class AdeptScale {
public:
  /** A word of the serial line for what went wrong; nullptr when nothing did. */
  typedef const __FlashStringHelper *Word;

  /** What the latest samples say. */
  enum Look : uint8_t { MOVING, STEADY, SILENT, OVERLOAD, LIFTED, UNCALIBRATED };

  /**
   * `steadyCounts`: the latest 8 raw values differ by no more than this when nothing moves. `step`: a change of fewer units
   * is not worth a report. Raw values outside `lowest` to `highest` mean that the sensor is at its end.
   */
  AdeptScale(uint16_t steadyCounts, uint8_t step, int32_t lowest, int32_t highest)
      : step(step), steadyCounts_(steadyCounts), lowest_(lowest), highest_(highest) {}

  const uint8_t step;

  void add(int32_t raw);

  /** The level in whole units, when STEADY. */
  Look look(const adept::Settings &settings, int32_t &units) const;

  /** What keeps the level from being known; nullptr when it is STEADY, or will soon be. */
  static Word wordFor(Look look);

  /** The present load is zero: an empty bottle. */
  Word takeTare(adept::Settings &settings) const;

  /** The present load is so many units. */
  Word takeKnown(adept::Settings &settings, uint16_t units) const;

private:
  /** The mean of the latest raw values, when nothing moves. */
  bool steadyRaw(int32_t &raw) const;

  static constexpr uint8_t SAMPLES = 8;

  const uint16_t steadyCounts_;
  const int32_t lowest_, highest_;
  int32_t samples_[SAMPLES];
  uint8_t next_ = 0;
  uint8_t count_ = 0;
  uint32_t addedAtMs_ = 0;
};
