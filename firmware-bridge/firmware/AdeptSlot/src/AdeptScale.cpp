#include "AdeptScale.h"

namespace {
constexpr uint16_t SILENT_AFTER_MS = 1000;
/** This many steps below zero nothing is empty: somebody took the bottle off, and an empty bottle would be bought for. */
constexpr int8_t LIFTED_STEPS = 4;
/** Nearer to zero than so many tremblings, a known weight says nothing about the scale. */
constexpr int8_t SMALLEST_SPAN = 4;
} // namespace

void AdeptScale::add(int32_t raw) {
  samples_[next_] = raw;
  next_ = (next_ + 1) % SAMPLES;
  if (count_ < SAMPLES) count_++;
  addedAtMs_ = millis();
}

bool AdeptScale::steadyRaw(int32_t &raw) const {
  if (count_ < SAMPLES) return false;
  int32_t smallest = samples_[0], largest = samples_[0], sum = 0;
  for (int32_t sample : samples_) {
    if (sample < smallest) smallest = sample;
    if (sample > largest) largest = sample;
    sum += sample; // 24-bit values: eight of them fit
  }
  if (largest - smallest > steadyCounts_) return false;
  raw = sum / SAMPLES;
  return true;
}

AdeptScale::Look AdeptScale::look(const adept::Settings &settings, int32_t &units) const {
  if (millis() - addedAtMs_ >= SILENT_AFTER_MS) return SILENT;
  int32_t raw;
  if (!steadyRaw(raw)) return MOVING;
  if (raw <= lowest_ || raw >= highest_) return OVERLOAD;
  const uint8_t both = adept::Settings::HAS_TARE | adept::Settings::HAS_SCALE;
  if ((settings.flags & both) != both) return UNCALIBRATED;
  const float exact = (raw - settings.tare) / settings.scale;
  if (exact < -(float)LIFTED_STEPS * step) return LIFTED;
  units = exact < 0 ? 0 : (int32_t)(exact + 0.5f);
  return STEADY;
}

AdeptScale::Word AdeptScale::wordFor(Look look) {
  switch (look) {
  case SILENT:
    return F("sensor");
  case OVERLOAD:
    return F("overload");
  case LIFTED:
    return F("lifted");
  case UNCALIBRATED:
    return F("uncalibrated");
  default:
    return nullptr;
  }
}

AdeptScale::Word AdeptScale::takeTare(adept::Settings &settings) const {
  if (!steadyRaw(settings.tare)) return F("busy");
  settings.flags |= adept::Settings::HAS_TARE;
  return nullptr;
}

AdeptScale::Word AdeptScale::takeKnown(adept::Settings &settings, uint16_t units) const {
  int32_t raw;
  if (!steadyRaw(raw)) return F("busy");
  if (!(settings.flags & adept::Settings::HAS_TARE)) return F("tare");
  const int32_t span = raw - settings.tare;
  if (labs(span) < (int32_t)SMALLEST_SPAN * steadyCounts_) return F("small");
  settings.scale = (float)span / units;
  settings.flags |= adept::Settings::HAS_SCALE;
  return nullptr;
}
