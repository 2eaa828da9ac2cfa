#include "AdeptFrame.h"
#include "AdeptSha256.h"

namespace adept {

uint16_t crc16(uint16_t crc, uint8_t byte) {
  // Two steps of four bits: a table of 512 bytes would be twice as fast and cost RAM or flash that small boards lack.
  byte ^= (uint8_t)crc;
  byte ^= (uint8_t)(byte << 4);
  return (((uint16_t)byte << 8) | (crc >> 8)) ^ (uint8_t)(byte >> 4) ^ ((uint16_t)byte << 3);
}

int8_t hexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

char hexDigit(uint8_t value) {
  value &= 15;
  return value < 10 ? '0' + value : 'a' + value - 10;
}

bool LineReader::take(uint8_t byte) {
  if (byte == '\n') {
    const bool found = !tooLong_ && check();
    length_ = 0;
    tooLong_ = false;
    return found;
  }
  if (length_ < size_) {
    buffer_[length_++] = (char)byte;
  } else {
    tooLong_ = true;
  }
  return false;
}

bool LineReader::check() {
  uint16_t end = length_;
  if (end > 0 && buffer_[end - 1] == '\r') end--;
  if (end < 7 || buffer_[end - 5] != '*' || buffer_[end - 6] != '}') return false;
  uint16_t sum = 0;
  for (uint16_t at = end - 4; at < end; at++) {
    const int8_t digit = hexValue(buffer_[at]);
    if (digit < 0) return false;
    sum = (uint16_t)(sum << 4) | (uint8_t)digit;
  }

  const uint16_t close = end - 6;
  uint16_t open = close;
  while (open > 0 && buffer_[open] != '{') {
    if (open != close && (buffer_[open] < 0x20 || buffer_[open] > 0x7e || buffer_[open] == '}')) return false;
    open--;
  }
  if (buffer_[open] != '{') return false;

  uint16_t crc = CRC_START;
  for (uint16_t at = open; at <= close; at++) crc = crc16(crc, (uint8_t)buffer_[at]);
  if (crc != sum) return false;
  start_ = open;
  buffer_[close + 1] = '\0';
  return true;
}

FrameWriter &FrameWriter::text(const __FlashStringHelper *text) {
  const char *at = (const char *)text;
  while (const char byte = (char)pgm_read_byte(at++)) put(byte);
  return *this;
}

FrameWriter &FrameWriter::text(const char *text) {
  while (*text) put(*text++);
  return *this;
}

FrameWriter &FrameWriter::number(uint32_t value) {
  char digits[11];
  char *first = digits + sizeof digits - 1;
  *first = '\0';
  do {
    *--first = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return text(first);
}

FrameWriter &FrameWriter::hex(const uint8_t *bytes, uint8_t count) {
  for (; count > 0; count--, bytes++) {
    put(hexDigit(*bytes >> 4));
    put(hexDigit(*bytes));
  }
  return *this;
}

void FrameWriter::put(char byte) {
  crc_ = crc16(crc_, (uint8_t)byte);
  if (mac_ != nullptr) mac_->add((uint8_t)byte);
  out_.write((uint8_t)byte);
}

void FrameWriter::end() {
  const uint8_t sum[2] = {(uint8_t)(crc_ >> 8), (uint8_t)crc_};
  out_.write((uint8_t)'*');
  hex(sum, 2);
  out_.write((uint8_t)'\n');
}

namespace {

/** Steps over `expected`; false when something else stands there. */
bool skip(char *&at, const __FlashStringHelper *expected) {
  const char *wanted = (const char *)expected;
  char *here = at;
  while (const char byte = (char)pgm_read_byte(wanted++)) {
    if (*here++ != byte) return false;
  }
  at = here;
  return true;
}

/** A decimal number without a sign or a leading zero, at most `highest`. */
bool readNumber(char *&at, uint16_t highest, uint16_t &number) {
  if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9')) return false;
  uint32_t value = 0;
  while (*at >= '0' && *at <= '9') {
    value = value * 10 + (uint8_t)(*at++ - '0');
    if (value > highest) return false;
  }
  number = (uint16_t)value;
  return true;
}

/** The text up to the next quote, which becomes its end. */
char *readText(char *&at) {
  char *const text = at;
  while (*at != '"') {
    if (*at == '\0' || *at == '\\') return nullptr;
    at++;
  }
  *at++ = '\0';
  return text;
}

} // namespace

bool parseCommand(char *frame, Command &command) {
  char *at = frame;
  if (!skip(at, F("{\"t\":\"cmd\",\"id\":")) || !readNumber(at, 999, command.id) || command.id == 0) return false;
  if (!skip(at, F(",\"name\":\""))) return false;
  command.name = readText(at);
  if (command.name == nullptr) return false;
  command.kind = Command::NONE;
  if (skip(at, F(",\"v\":\""))) {
    command.kind = Command::TEXT;
    command.text = readText(at);
    if (command.text == nullptr) return false;
  } else if (skip(at, F(",\"v\":"))) {
    command.kind = Command::NUMBER;
    if (!readNumber(at, 65535, command.number)) return false;
  }
  return at[0] == '}' && at[1] == '\0';
}

} // namespace adept
