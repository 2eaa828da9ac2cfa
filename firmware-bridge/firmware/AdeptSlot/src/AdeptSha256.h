// SHA-256 (FIPS 180-4) and HMAC (RFC 2104), small: the board proves that a level is its own.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace adept {

class Sha256 {
public:
  static constexpr uint8_t BYTES = 32;

  Sha256() { begin(); }
  void begin();
  void add(uint8_t byte);
  void add(const void *bytes, size_t count);
  /** Ends the message; `begin` starts another. */
  void finish(uint8_t digest[BYTES]);

private:
  friend class HmacSha256;
  void compress();

  uint32_t state_[8];
  uint32_t block_[16]; // words of the block being filled, most significant byte first
  uint32_t bytes_;     // messages of less than 512 MB
};

/**
 * HMAC with a 32-byte key. What depends on the key alone is computed once, in `setKey`: a message then costs two
 * compressions less, which is 40 % of a short one.
 */
class HmacSha256 {
public:
  static constexpr uint8_t KEY_BYTES = 32;

  void setKey(const uint8_t key[KEY_BYTES]);
  void begin();
  void add(uint8_t byte) { hash_.add(byte); }
  void add(const void *bytes, size_t count) { hash_.add(bytes, count); }
  void finish(uint8_t mac[Sha256::BYTES]);

private:
  void takePad(const uint8_t key[KEY_BYTES], uint8_t pad, uint32_t state[8]);

  Sha256 hash_;
  uint32_t inner_[8];
  uint32_t outer_[8];
};

} // namespace adept
