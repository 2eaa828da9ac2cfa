// When a level is worth a report.
#pragma once
#include <Arduino.h>

class AdeptPace {
public:
  /** The next known level is due, whatever it is. */
  void ask() { asked_ = true; }
  bool isAsked() const { return asked_; }

  /** Whether this level is due, when fewer than `step` units are no change. */
  bool due(int32_t units, uint8_t step, uint32_t nowMs) const {
    const uint32_t sinceMs = nowMs - sentAtMs_;
    return asked_ || (changed(units, step) && sinceMs >= BETWEEN_MS) || sinceMs >= repeatAfterMs_;
  }

  void sent(int32_t units, uint8_t step, uint32_t nowMs) {
    repeatAfterMs_ = changed(units, step) ? AFTER_CHANGE_MS : UNCHANGED_MS;
    hasSent_ = true;
    sent_ = units;
    sentAtMs_ = nowMs;
    asked_ = false;
  }

  void answered() { asked_ = false; }

private:
  static constexpr uint16_t BETWEEN_MS = 1000;
  /** A change is said again after this time: the gateway wants a second reading before it believes a fast fall. */
  static constexpr uint32_t AFTER_CHANGE_MS = 60000;
  static constexpr uint32_t UNCHANGED_MS = 300000;

  bool changed(int32_t units, uint8_t step) const { return !hasSent_ || labs(units - sent_) >= step; }

  bool asked_ = true;
  bool hasSent_ = false;
  int32_t sent_ = 0;
  uint32_t sentAtMs_ = 0;
  uint32_t repeatAfterMs_ = 0;
};
