#include "AdeptSlot.h"
#include <string.h>
#ifdef __AVR__
#include <avr/sleep.h>
#endif

using adept::Command;
using adept::FrameWriter;
using adept::Settings;
using adept::Store;

namespace {

constexpr uint8_t BETWEEN_LOOKS_MS = 50;
constexpr uint32_t TROUBLE_AGAIN_MS = 60000;
constexpr uint16_t BLINK_MS = 500;
constexpr uint8_t ALL_PARTS = 0xFF;

/** The build writes the SHA-256 of the image here, computed with these digits as zeros; a build of your own keeps the zeros. */
const char IMAGE[] PROGMEM = "ADEPT-SHA256:0000000000000000000000000000000000000000000000000000000000000000";
constexpr uint8_t IMAGE_LABEL = 13;

bool is(const char *name, const __FlashStringHelper *other) { return strcmp_P(name, (const char *)other) == 0; }

bool isBoardId(const char *id) {
  uint8_t length = 0;
  for (; id[length]; length++) {
    const char at = id[length];
    const bool plain = (at >= 'a' && at <= 'z') || (at >= '0' && at <= '9');
    if (!plain && !(at == '-' && length > 0)) return false;
  }
  return length > 0 && length <= adept::ID_BYTES;
}

} // namespace

void AdeptSlot::begin(uint8_t lampPin) {
  lampPin_ = lampPin;
  pinMode(lampPin_, OUTPUT);
  digitalWrite(lampPin_, LOW);
  store_.begin(settings_);
  stagedId_[0] = '\0';
  useKey();
  // Ends what the host may have taken from the line while the boot loader ran.
  line_.write((uint8_t)'\n');
  sayHello();
}

void AdeptSlot::poll() {
  while (line_.available() > 0) {
    if (reader_.take((uint8_t)line_.read())) answer();
  }
  const uint32_t nowMs = millis();
  if (pace_.isAsked() || nowMs - lookedAtMs_ >= BETWEEN_LOOKS_MS) {
    lookedAtMs_ = nowMs;
    report(nowMs);
  }
  driveLamp(nowMs);
#ifdef __AVR__
  // Until the next byte or millisecond: less heat near the sensor, and a simulator of the board has next to nothing to do.
  set_sleep_mode(SLEEP_MODE_IDLE);
  sleep_mode();
#endif
}

bool AdeptSlot::setLevel(uint8_t percent) {
  if ((settings_.flags & Settings::HAS_LEVEL) && settings_.level == percent) {
    pace_.ask();
    return true;
  }
  Settings changed = settings_;
  changed.flags |= Settings::HAS_LEVEL;
  changed.level = percent;
  if (!store_.save(changed)) return false;
  settings_ = changed;
  return true;
}

void AdeptSlot::show(Lamp lamp, uint16_t forMs) {
  shown_ = lamp;
  shownForMs_ = forMs;
  shownAtMs_ = millis();
}

bool AdeptSlot::isPaired() const { return (settings_.flags & Settings::HAS_KEY) && store_.hasCounter(); }

void AdeptSlot::useKey() {
  if (!isPaired()) return;
  mac_.setKey(settings_.key);
  adept::Sha256 hash;
  uint8_t digest[adept::Sha256::BYTES];
  hash.add(settings_.key, adept::KEY_BYTES);
  hash.finish(digest);
  memcpy(fingerprint_, digest, sizeof fingerprint_);
}

void AdeptSlot::answer() {
  Command command;
  if (!adept::parseCommand(reader_.frame(), command)) return;
  // The host repeats what it heard no answer to: the same command is not done twice.
  if (command.id != lastCommand_ || is(command.name, F("hello"))) {
    lastCommand_ = command.id;
    lastAnswer_ = obey(command);
  }
  FrameWriter frame(line_);
  frame.text(lastAnswer_ == nullptr ? F("{\"t\":\"ack\",\"id\":") : F("{\"t\":\"nak\",\"id\":")).number(command.id);
  if (lastAnswer_ != nullptr) frame.text(F(",\"e\":\"")).text(lastAnswer_).text(F("\""));
  frame.text(F("}")).end();
}

/** Does it; nullptr when that succeeded, else the word for why not. */
AdeptSlot::Word AdeptSlot::obey(const Command &command) {
  const bool bare = command.kind == Command::NONE;
  if (is(command.name, F("ping"))) return bare ? nullptr : F("value");
  if (is(command.name, F("hello"))) {
    if (!bare) return F("value");
    sayHello();
    return nullptr;
  }
  if (is(command.name, F("lamp"))) {
    if (command.kind != Command::NUMBER || command.number > BLINKING) return F("value");
    lamp_ = (Lamp)command.number;
    shownForMs_ = 0;
    return nullptr;
  }
  if (scale_ != nullptr && is(command.name, F("tare"))) return bare ? calibrate(false, 0) : F("value");
  if (scale_ != nullptr && is(command.name, F("scale"))) {
    const bool fits = command.kind == Command::NUMBER && command.number >= 1 && command.number <= 60000;
    return fits ? calibrate(true, command.number) : F("value");
  }
  if (is(command.name, F("id"))) {
    if (command.kind != Command::TEXT || !isBoardId(command.text)) return F("value");
    strcpy(stagedId_, command.text);
    return nullptr;
  }
  if (is(command.name, F("key"))) return stageKey(command);
  if (is(command.name, F("save"))) return command.kind == Command::NUMBER ? savePairing(command.number) : F("value");
  return F("unknown");
}

/** `"<part><8 hex>"`: 4 bytes of the key. */
AdeptSlot::Word AdeptSlot::stageKey(const Command &command) {
  if (command.kind != Command::TEXT || strlen(command.text) != 9) return F("value");
  const uint8_t part = (uint8_t)(command.text[0] - '0');
  if (part > 7) return F("value");
  uint8_t bytes[4];
  for (uint8_t at = 0; at < 4; at++) {
    const int8_t high = adept::hexValue(command.text[1 + 2 * at]), low = adept::hexValue(command.text[2 + 2 * at]);
    if (high < 0 || low < 0) return F("value");
    bytes[at] = (uint8_t)(high << 4 | low);
  }
  memcpy(stagedKey_ + 4 * part, bytes, 4);
  stagedParts_ |= (uint8_t)(1 << part);
  return nullptr;
}

AdeptSlot::Word AdeptSlot::savePairing(uint16_t sum) {
  uint16_t crc = adept::CRC_START;
  for (const char *at = stagedId_; *at; at++) crc = adept::crc16(crc, (uint8_t)*at);
  for (uint8_t byte : stagedKey_) crc = adept::crc16(crc, byte);
  if (stagedId_[0] == '\0' || stagedParts_ != ALL_PARTS || crc != sum) return F("key");
  Settings changed = settings_;
  changed.flags |= Settings::HAS_KEY;
  strcpy(changed.id, stagedId_);
  memcpy(changed.key, stagedKey_, adept::KEY_BYTES);
  if (!store_.startCounter() || !store_.save(changed)) return F("store");
  settings_ = changed;
  stagedId_[0] = '\0';
  stagedParts_ = 0;
  memset(stagedKey_, 0, sizeof stagedKey_);
  useKey();
  pace_.ask();
  return nullptr;
}

AdeptSlot::Word AdeptSlot::calibrate(bool known, uint16_t units) {
  Settings changed = settings_;
  const Word word = known ? scale_->takeKnown(changed, units) : scale_->takeTare(changed);
  if (word != nullptr) return word;
  if (!store_.save(changed)) return F("store");
  settings_ = changed;
  pace_.ask();
  return nullptr;
}

void AdeptSlot::sayHello() {
  FrameWriter frame(line_);
  frame.text(F("{\"t\":\"hello\",\"id\":\"")).text(id());
  frame.text(F("\",\"fw\":\"" ADEPT_VERSION "\",\"sha\":\"")).text((Word)(IMAGE + IMAGE_LABEL));
  frame.text(F("\",\"slots\":[\"")).text(slot_).text(F("\"],\"u\":\"")).text(unit_).text(F("\",\"k\":\""));
  if (isPaired()) frame.hex(fingerprint_, sizeof fingerprint_);
  frame.text(F("\",\"n\":")).number(store_.lowestNext()).text(F("}")).end();
  pace_.ask();
}

/** The level, or the word for what keeps it from being known; `known` is false while neither is. */
AdeptSlot::Word AdeptSlot::look(int32_t &units, bool &known) const {
  known = true;
  if (scale_ == nullptr) {
    units = settings_.level;
    return settings_.flags & Settings::HAS_LEVEL ? nullptr : F("uncalibrated");
  }
  const AdeptScale::Look look = scale_->look(settings_, units);
  known = look != AdeptScale::MOVING;
  return AdeptScale::wordFor(look);
}

void AdeptSlot::report(uint32_t nowMs) {
  int32_t units = 0;
  bool known;
  Word word = look(units, known);
  if (!known) return;
  if (word == nullptr) {
    const uint8_t step = scale_ == nullptr ? 1 : scale_->step;
    if (trouble_ == nullptr && !pace_.due(units, step, nowMs)) return;
    if (sendLevel((uint32_t)units)) {
      pace_.sent(units, step, nowMs);
      trouble_ = nullptr;
      return;
    }
    word = F("store");
  }
  if (!pace_.isAsked() && word == trouble_ && nowMs - troubleAtMs_ < TROUBLE_AGAIN_MS) return;
  sendTrouble(word);
  trouble_ = word;
  troubleAtMs_ = nowMs;
  pace_.answered();
}

bool AdeptSlot::sendLevel(uint32_t units) {
  uint32_t number;
  if (!store_.nextNumber(number)) return false;
  const bool paired = isPaired();
  if (paired) {
    const uint8_t counter[5] = {0, (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    mac_.begin();
    mac_.add(id(), strlen(id()));
    mac_.add(counter, sizeof counter);
  }
  FrameWriter frame(line_);
  frame.authenticate(paired ? &mac_ : nullptr);
  frame.text(F("{\"t\":\"lvl\",\"n\":")).number(number).text(F(",\"slot\":\"")).text(slot_);
  frame.text(F("\",\"v\":")).number(units).text(F(",\"u\":\"")).text(unit_).text(F("\""));
  frame.authenticate(nullptr);
  if (paired) {
    uint8_t mac[adept::Sha256::BYTES];
    mac_.finish(mac);
    frame.text(F(",\"m\":\"")).hex(mac, 8).text(F("\""));
  }
  frame.text(F("}")).end();
  return true;
}

void AdeptSlot::sendTrouble(Word word) {
  FrameWriter frame(line_);
  frame.text(F("{\"t\":\"err\",\"e\":\"")).text(word).text(F("\"}")).end();
}

void AdeptSlot::driveLamp(uint32_t nowMs) {
  if (shownForMs_ != 0 && nowMs - shownAtMs_ >= shownForMs_) shownForMs_ = 0;
  if (nowMs - blinkedAtMs_ >= BLINK_MS) {
    blinkedAtMs_ = nowMs;
    blinkOn_ = !blinkOn_;
  }
  const Lamp lamp = shownForMs_ != 0 ? shown_ : lamp_;
  const bool lit = lamp == ON || (lamp == BLINKING && blinkOn_);
  if (lit == isLit_) return;
  isLit_ = lit;
  digitalWrite(lampPin_, lit ? HIGH : LOW);
}
