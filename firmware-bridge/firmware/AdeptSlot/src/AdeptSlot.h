// One consumable on a serial line to an ADEPT gateway: hello, levels, commands, order lamp.
#pragma once
#include "AdeptFrame.h"
#include "AdeptPace.h"
#include "AdeptScale.h"
#include "AdeptSha256.h"
#include "AdeptStore.h"
#include <Arduino.h>

#define ADEPT_VERSION "1.0.0"

class AdeptSlot {
public:
  /** Baud rate of the line. */
  static constexpr uint32_t BAUD = 115200;

  enum Lamp : uint8_t { OFF = 0, ON = 1, BLINKING = 2 };

  /**
   * `name`: what the board is called before it is paired. `slot` and `unit`: its consumable, in the words of the gateway
   * (`g`, `ml`, `count`, `percent`). Without a scale the level is what `setLevel` says.
   */
  AdeptSlot(Stream &line, const char *name, const char *slot, const char *unit, AdeptScale *scale = nullptr)
      : line_(line), name_(name), slot_(slot), unit_(unit), scale_(scale), reader_(buffer_, sizeof buffer_) {}

  /** Reads what was kept and says hello. The line must be open. */
  void begin(uint8_t lampPin);

  /** To be called again and again: answers commands, reports levels, drives the lamp. Takes at most 0.25 s, when it keeps values. */
  void poll();

  /** The level in percent of a board that measures nothing; kept over a power cut. False when it could not be kept. */
  bool setLevel(uint8_t percent);

  /** Shows something of the board's own on the lamp, for a while or until the gateway sets it. */
  void show(Lamp lamp, uint16_t forMs);

private:
  typedef AdeptScale::Word Word;

  void answer();
  Word obey(const adept::Command &command);
  Word stageKey(const adept::Command &command);
  Word savePairing(uint16_t sum);
  Word calibrate(bool known, uint16_t units);
  void sayHello();
  void report(uint32_t nowMs);
  Word look(int32_t &units, bool &known) const;
  bool sendLevel(uint32_t units);
  void sendTrouble(Word word);
  void driveLamp(uint32_t nowMs);
  bool isPaired() const;
  const char *id() const { return settings_.id[0] ? settings_.id : name_; }
  void useKey();

  Stream &line_;
  const char *const name_, *const slot_, *const unit_;
  AdeptScale *const scale_;

  // A command has at most 60 bytes.
  char buffer_[64];
  adept::LineReader reader_;
  adept::Store store_;
  adept::Settings settings_;
  adept::HmacSha256 mac_;
  uint8_t fingerprint_[4];

  uint16_t lastCommand_ = 0;
  Word lastAnswer_ = nullptr;

  char stagedId_[adept::ID_BYTES + 1];
  uint8_t stagedKey_[adept::KEY_BYTES];
  uint8_t stagedParts_ = 0;

  AdeptPace pace_;
  uint32_t lookedAtMs_ = 0;
  Word trouble_ = nullptr;
  uint32_t troubleAtMs_ = 0;

  uint8_t lampPin_ = 0;
  Lamp lamp_ = OFF;
  Lamp shown_ = OFF;
  uint32_t shownAtMs_ = 0;
  uint16_t shownForMs_ = 0;
  uint32_t blinkedAtMs_ = 0;
  bool blinkOn_ = false;
  bool isLit_ = false;
};
