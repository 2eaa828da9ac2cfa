// The library under test on this machine. Each line of standard input is one question, each line of standard output its answer.
#include "AdeptFrame.h"
#include "AdeptSha256.h"
#include "AdeptSlot.h"
#include "AdeptStore.h"
#include <EEPROM.h>
#include <Arduino.h>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

TestEeprom EEPROM;
static uint32_t nowMs = 0;
uint32_t millis() { return nowMs; }
void delay(uint32_t ms) { nowMs += ms; }
void delayMicroseconds(unsigned) {}
void noInterrupts() {}
void interrupts() {}
void pinMode(uint8_t, uint8_t) {}
void digitalWrite(uint8_t, uint8_t) {}
int digitalRead(uint8_t) { return HIGH; }
int analogRead(uint8_t) { return 0; }

namespace {

typedef std::vector<uint8_t> Bytes;

Bytes fromHex(const std::string &hex) {
  Bytes bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2) bytes.push_back((uint8_t)std::stoi(hex.substr(at, 2), nullptr, 16));
  return bytes;
}

std::string toHex(const uint8_t *bytes, size_t count) {
  std::string hex;
  for (size_t at = 0; at < count; at++) {
    hex += adept::hexDigit(bytes[at] >> 4);
    hex += adept::hexDigit(bytes[at]);
  }
  return hex;
}

/** A serial line whose both ends the test holds. */
class TestLine : public Stream {
public:
  std::string incoming, outgoing;
  int available() override { return (int)(incoming.size() - at_); }
  int read() override { return at_ < incoming.size() ? (uint8_t)incoming[at_++] : -1; }
  size_t write(uint8_t byte) override {
    outgoing += (char)byte;
    return 1;
  }
  using Print::write;

private:
  size_t at_ = 0;
};

std::string crc(const Bytes &bytes) {
  uint16_t value = adept::CRC_START;
  for (uint8_t byte : bytes) value = adept::crc16(value, byte);
  const uint8_t sum[2] = {(uint8_t)(value >> 8), (uint8_t)value};
  return toHex(sum, 2);
}

/** Frames found in a stream, in hex, with a buffer of so many bytes. */
std::string frames(const Bytes &bytes, uint16_t size) {
  std::vector<char> buffer(size);
  adept::LineReader reader(buffer.data(), size);
  std::string found;
  for (uint8_t byte : bytes) {
    if (reader.take(byte)) found += (found.empty() ? "" : " ") + toHex((const uint8_t *)reader.frame(), strlen(reader.frame()));
  }
  return found;
}

std::string command(std::string frame) {
  adept::Command parsed;
  if (!adept::parseCommand(&frame[0], parsed)) return "refused";
  std::ostringstream text;
  text << parsed.id << ' ' << parsed.name;
  if (parsed.kind == adept::Command::NUMBER) text << " number " << parsed.number;
  if (parsed.kind == adept::Command::TEXT) text << " text " << parsed.text;
  return text.str();
}

std::string sha256(const Bytes &bytes) {
  adept::Sha256 hash;
  uint8_t digest[32];
  hash.add(bytes.data(), bytes.size());
  hash.finish(digest);
  return toHex(digest, 32);
}

std::string hmac(const Bytes &key, const Bytes &bytes) {
  adept::HmacSha256 mac;
  uint8_t digest[32];
  mac.setKey(key.data());
  mac.begin();
  mac.add(bytes.data(), bytes.size());
  mac.finish(digest);
  return toHex(digest, 32);
}

/** What a board without a scale sends from its boot on, when it hears this; `level` in percent. */
std::string board(const std::string &hears, int level) {
  nowMs += 1000;
  TestLine line;
  AdeptSlot slot(line, "button", "detergent", "percent");
  slot.begin(13);
  line.incoming = hears;
  slot.poll();
  if (level >= 0) slot.setLevel((uint8_t)level);
  for (int step = 0; step < 5; step++) {
    nowMs += 1000;
    slot.poll();
  }
  for (char &byte : line.outgoing) {
    if (byte == '\n') byte = ' ';
  }
  return line.outgoing;
}

/** The seconds at which a board says a level that changes once, after 10 s. */
std::string paceOfLevels() {
  EEPROM = TestEeprom();
  TestLine line;
  AdeptSlot slot(line, "button", "detergent", "percent");
  slot.begin(13);
  slot.setLevel(100);
  std::ostringstream seconds;
  for (int second = 0; second <= 1000; second++) {
    if (second == 10) slot.setLevel(10);
    line.outgoing.clear();
    slot.poll();
    if (line.outgoing.find("\"t\":\"lvl\"") != std::string::npos) seconds << second << ' ';
    nowMs += 1000;
  }
  return seconds.str();
}

adept::Settings settingsNumber(int number) {
  adept::Settings settings;
  memset(&settings, 0, sizeof settings);
  settings.flags = adept::Settings::HAS_KEY | adept::Settings::HAS_TARE;
  snprintf(settings.id, sizeof settings.id, "board-%d", number);
  for (int at = 0; at < 32; at++) settings.key[at] = (uint8_t)(number * 37 + at * at);
  settings.tare = number * 1000003;
  settings.scale = number / 7.0f;
  settings.level = (uint8_t)number;
  return settings;
}

bool same(const adept::Settings &one, const adept::Settings &other) { return memcmp(&one, &other, sizeof one) == 0; }

/** Cuts the power at every single byte of every way of writing settings; they must be the old or the new ones. */
std::string cutWhileSaving() {
  long cuts = 0, wrong = 0, kept = 0;
  for (int earlier = 1; earlier <= 3; earlier++) {
    for (int torn = 0; torn < TestEeprom::KINDS; torn++) {
      for (long at = 0;; at++) {
        EEPROM = TestEeprom();
        adept::Settings settings;
        adept::Store store;
        store.begin(settings);
        for (int number = 1; number <= earlier; number++) store.save(settingsNumber(number));
        EEPROM.torn = (TestEeprom::Torn)torn;
        EEPROM.writesUntilCut = at;
        bool wasCut = false;
        try {
          store.save(settingsNumber(earlier + 1));
        } catch (PowerCut &) {
          wasCut = true;
        }
        EEPROM.writesUntilCut = -1;
        adept::Store again;
        again.begin(settings);
        const bool isOld = same(settings, settingsNumber(earlier)), isNew = same(settings, settingsNumber(earlier + 1));
        if (!wasCut) {
          if (!isNew) wrong++;
          break;
        }
        cuts++;
        if (!isOld && !isNew) wrong++;
        // And it can be written again.
        if (again.save(settingsNumber(99))) {
          adept::Store last;
          last.begin(settings);
          if (same(settings, settingsNumber(99))) kept++;
        }
      }
    }
  }
  std::ostringstream text;
  text << "cuts " << cuts << " wrong " << wrong << " written after " << kept;
  return text.str();
}

/** Boots, counts and cuts the power at random bytes; no number may come twice, or fall. */
std::string cutWhileCounting(uint32_t seed, int boots) {
  EEPROM = TestEeprom();
  uint32_t random = seed;
  auto next = [&random](uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % below;
  };
  long cuts = 0, wrong = 0, numbers = 0;
  int64_t highest = -1;
  for (int boot = 0; boot < boots; boot++) {
    adept::Settings settings;
    adept::Store store;
    store.begin(settings);
    if ((int64_t)store.lowestNext() <= highest) wrong++;
    EEPROM.torn = (TestEeprom::Torn)next(TestEeprom::KINDS);
    EEPROM.writesUntilCut = next(12);
    try {
      for (uint32_t count = next(1200); count > 0; count--) {
        uint32_t number;
        if (!store.nextNumber(number)) break;
        if ((int64_t)number <= highest) wrong++;
        highest = number;
        numbers++;
      }
    } catch (PowerCut &) {
      cuts++;
    }
    EEPROM.writesUntilCut = -1;
  }
  long most = 0;
  for (int at = 128; at < 208; at++) most = EEPROM.cellWrites[at] > most ? EEPROM.cellWrites[at] : most;
  std::ostringstream text;
  text << "cuts " << cuts << " wrong " << wrong << " numbers " << numbers << " highest " << highest << " writes of one cell " << most;
  return text.str();
}

/** A memory in which one cell is dead still counts, and never back. */
std::string countWithWornCell() {
  long wrong = 0, stopped = 0;
  for (int cell = 128; cell < 208; cell++) {
    EEPROM = TestEeprom();
    EEPROM.wornCell = cell;
    int64_t highest = -1;
    for (int boot = 0; boot < 40; boot++) {
      adept::Settings settings;
      adept::Store store;
      store.begin(settings);
      uint32_t number = 0;
      bool given = false;
      for (int attempt = 0; attempt < 3 && !given; attempt++) given = store.nextNumber(number);
      if (!given) stopped++;
      else if ((int64_t)number <= highest) wrong++;
      else highest = number;
    }
  }
  std::ostringstream text;
  text << "wrong " << wrong << " stopped " << stopped;
  return text.str();
}

std::string sealed(const std::string &frame) { return frame + "*" + crc(Bytes(frame.begin(), frame.end())); }

/** Damages streams of commands and looks at what the board takes for one. */
std::string fuzz(uint32_t seed, long streams) {
  uint32_t random = seed;
  auto next = [&random](uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % below;
  };
  const std::vector<std::string> originals = {
      sealed("{\"t\":\"cmd\",\"id\":81,\"name\":\"lamp\",\"v\":1}"), sealed("{\"t\":\"cmd\",\"id\":82,\"name\":\"tare\"}"),
      sealed("{\"t\":\"cmd\",\"id\":7,\"name\":\"key\",\"v\":\"3401db807\"}"), sealed("{\"t\":\"cmd\",\"id\":999,\"name\":\"save\",\"v\":21612}")};
  std::set<std::string> known;
  for (const std::string &line : originals) known.insert(line.substr(0, line.size() - 5));
  const std::string last = sealed("{\"t\":\"cmd\",\"id\":500,\"name\":\"ping\"}");

  long lost = 0, lightly = 0, heavily = 0;
  for (long stream = 0; stream < streams; stream++) {
    const uint32_t kind = next(5);
    const std::string &one = originals[next(4)], &other = originals[next(4)];
    std::string bytes = one + "\n";
    if (kind == 0) { // up to three flipped bits: a CRC-16 finds them all
      for (uint32_t flips = 1 + next(3); flips > 0; flips--) bytes[next((uint32_t)bytes.size() - 1)] ^= (char)(1 << next(8));
    } else if (kind == 1) { // cut at both ends
      bytes = one.substr(next((uint32_t)one.size()), next((uint32_t)one.size())) + (next(2) ? "\n" : "");
    } else if (kind == 2) { // the head of one, the tail of another
      bytes = one.substr(0, next((uint32_t)one.size())) + other.substr(next((uint32_t)other.size())) + "\n";
    } else if (kind == 3) { // a flood
      bytes.clear();
      for (uint32_t count = next(300); count > 0; count--) bytes += (char)next(256);
    } else { // bytes changed here and there
      for (uint32_t changes = next(12); changes > 0; changes--) bytes[next((uint32_t)bytes.size())] = (char)next(256);
    }
    // The next whole line, and one more for the case that the damage ate the first one's beginning.
    bytes += last + "\n" + last + "\n";

    char buffer[64];
    adept::LineReader reader(buffer, sizeof buffer);
    long found = 0;
    for (char byte : bytes) {
      if (!reader.take((uint8_t)byte)) continue;
      const std::string frame = reader.frame();
      adept::Command parsed;
      std::string cut = frame;
      if (sealed(frame) == last) found++;
      else if (known.count(frame) == 0 && adept::parseCommand(&cut[0], parsed)) (kind == 0 ? lightly : heavily)++;
    }
    if (found < 1) lost++;
  }
  std::ostringstream text;
  text << "lost " << lost << " lightly damaged taken " << lightly << " heavily damaged taken " << heavily;
  return text.str();
}

} // namespace

int main() {
  std::string question;
  while (std::getline(std::cin, question)) {
    std::istringstream words(question);
    std::string what, first, second;
    words >> what >> first >> second;
    const Bytes bytes = fromHex(second);
    std::string answer = "?";
    if (what == "crc") answer = crc(fromHex(first));
    if (what == "frames") answer = frames(bytes, (uint16_t)std::stoi(first));
    if (what == "command") answer = command(std::string((const char *)fromHex(first).data(), fromHex(first).size()));
    if (what == "sha256") answer = sha256(fromHex(first));
    if (what == "hmac") answer = hmac(fromHex(first), bytes);
    if (what == "erase") EEPROM = TestEeprom(), answer = "";
    if (what == "board") answer = board(std::string(bytes.begin(), bytes.end()), std::stoi(first));
    if (what == "pace") answer = paceOfLevels();
    if (what == "cut-while-saving") answer = cutWhileSaving();
    if (what == "cut-while-counting") answer = cutWhileCounting((uint32_t)std::stoul(first), std::stoi(second));
    if (what == "worn-cell") answer = countWithWornCell();
    if (what == "fuzz") answer = fuzz((uint32_t)std::stoul(first), std::stol(second));
    std::cout << answer << std::endl;
  }
}
