// The serial line: `{flat json}*hhhh\n` with CRC-16/MCRF4XX over the bytes from `{` to `}`.
#pragma once
#include <Arduino.h>

namespace adept {

class HmacSha256;

constexpr uint16_t CRC_START = 0xFFFF;

/** One more byte into a CRC-16/MCRF4XX (avr-libc's `_crc_ccitt_update`); "123456789" gives 6f91. */
uint16_t crc16(uint16_t crc, uint8_t byte);

/** The value of a lower-case hex digit, or -1. Upper case is refused: else a flipped bit 0x20 would pass. */
int8_t hexValue(char digit);
char hexDigit(uint8_t value);

/**
 * Finds frames in a stream of bytes, in a buffer of fixed size. A longer line is dropped up to its newline. A frame begins at
 * the last `{` of its line, so one right behind a cut one is still found: frames are flat.
 */
class LineReader {
public:
  LineReader(char *buffer, uint16_t size) : buffer_(buffer), size_(size) {}

  /** Takes one byte; true when it ended a line that holds a good frame. */
  bool take(uint8_t byte);

  /** The frame just found, from `{` to `}`, NUL-terminated; valid until the next `take`. */
  char *frame() { return buffer_ + start_; }

private:
  bool check();

  char *const buffer_;
  const uint16_t size_;
  uint16_t length_ = 0;
  uint16_t start_ = 0;
  bool tooLong_ = false;
};

/** Writes one frame byte by byte, summing on the way: no line is ever held in memory. */
class FrameWriter {
public:
  explicit FrameWriter(Print &out) : out_(out) {}

  FrameWriter &text(const __FlashStringHelper *text);
  FrameWriter &text(const char *text);
  FrameWriter &number(uint32_t value);
  FrameWriter &hex(const uint8_t *bytes, uint8_t count);

  /** From here on every byte goes into this MAC too; nullptr ends it. */
  void authenticate(HmacSha256 *mac) { mac_ = mac; }

  /** `*hhhh\n`. */
  void end();

private:
  void put(char byte);

  Print &out_;
  HmacSha256 *mac_ = nullptr;
  uint16_t crc_ = CRC_START;
};

/** A command of the host: `{"t":"cmd","id":81,"name":"lamp","v":1}`. */
struct Command {
  enum Value : uint8_t { NONE, NUMBER, TEXT };

  uint16_t id;      // 1–999
  const char *name; // lower-case letters
  Value kind;
  uint16_t number;  // when NUMBER
  const char *text; // when TEXT
};

/** Reads a frame in its one spelling: no blanks, this order of keys. Cuts `frame` into pieces; false when it is anything else. */
bool parseCommand(char *frame, Command &command);

} // namespace adept
