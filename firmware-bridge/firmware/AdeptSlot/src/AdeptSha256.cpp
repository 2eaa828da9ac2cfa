#include "AdeptSha256.h"
#include <Arduino.h>
#include <string.h>

#ifdef __AVR__
// The Arduino build asks for the smallest code; this one file is worth the 300 bytes that speed costs.
#pragma GCC optimize("O2")
#endif

namespace adept {

namespace {

const uint32_t ROUND_CONSTANTS[64] PROGMEM = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

const uint32_t START[8] PROGMEM = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

// An 8-bit machine rotates by whole bytes for free and by one bit in five instructions, but loops for anything else: so
// every rotation is made of bytes and single bits, and those of one sum share them, as in
// rotr 6 ^ rotr 11 ^ rotr 25 = rotr6(x ^ rotr5(x ^ rotr14(x))).
inline uint32_t left1(uint32_t x) { return (x << 1) | (x >> 31); }
inline uint32_t right1(uint32_t x) { return (x >> 1) | (x << 31); }
inline uint32_t right8(uint32_t x) { return (x >> 8) | (x << 24); }
inline uint32_t right16(uint32_t x) { return (x >> 16) | (x << 16); }
inline uint32_t left2(uint32_t x) { return left1(left1(x)); }
inline uint32_t right2(uint32_t x) { return right1(right1(x)); }

/** rotr 2 ^ rotr 13 ^ rotr 22. */
inline uint32_t bigSigma0(uint32_t x) {
  uint32_t y = x ^ right8(right1(x));
  y = x ^ right8(right1(right2(y)));
  return right2(y);
}

/** rotr 6 ^ rotr 11 ^ rotr 25. */
inline uint32_t bigSigma1(uint32_t x) {
  uint32_t y = x ^ left2(right16(x));
  y = x ^ left1(left2(right8(y)));
  return left2(right8(y));
}

/** rotr 7 ^ rotr 18 ^ shr 3. */
inline uint32_t smallSigma0(uint32_t x) {
  const uint32_t rotated = left1(right8(x));           // 7
  return rotated ^ right2(right16(x)) ^ (((x >> 1) >> 1) >> 1);
}

/** rotr 17 ^ rotr 19 ^ shr 10. */
inline uint32_t smallSigma1(uint32_t x) {
  const uint32_t rotated = right1(right16(x));         // 17
  return rotated ^ right2(rotated) ^ (((x >> 8) >> 1) >> 1);
}

} // namespace

void Sha256::begin() {
  memcpy_P(state_, START, sizeof state_);
  bytes_ = 0;
}

void Sha256::add(uint8_t byte) {
  const uint8_t at = bytes_ & 63;
  uint32_t &word = block_[at >> 2];
  word = (word << 8) | byte;
  bytes_++;
  if (at == 63) compress();
}

void Sha256::add(const void *bytes, size_t count) {
  const uint8_t *at = (const uint8_t *)bytes;
  while (count-- > 0) add(*at++);
}

void Sha256::finish(uint8_t digest[BYTES]) {
  const uint32_t length = bytes_;
  add(0x80);
  while ((bytes_ & 63) != 56) add(0);
  block_[14] = length >> 29;
  block_[15] = length << 3;
  compress();
  for (uint8_t word = 0; word < 8; word++) {
    for (uint8_t byte = 0; byte < 4; byte++) *digest++ = (uint8_t)(state_[word] >> (24 - 8 * byte));
  }
}

void Sha256::compress() {
  uint32_t a = state_[0], b = state_[1], c = state_[2], d = state_[3];
  uint32_t e = state_[4], f = state_[5], g = state_[6], h = state_[7];
  for (uint8_t round = 0; round < 64; round++) {
    uint32_t &word = block_[round & 15];
    if (round >= 16) {
      word += smallSigma0(block_[(round + 1) & 15]) + block_[(round + 9) & 15] + smallSigma1(block_[(round + 14) & 15]);
    }
    const uint32_t first = h + bigSigma1(e) + (g ^ (e & (f ^ g))) + pgm_read_dword(&ROUND_CONSTANTS[round]) + word;
    const uint32_t second = bigSigma0(a) + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  state_[0] += a;
  state_[1] += b;
  state_[2] += c;
  state_[3] += d;
  state_[4] += e;
  state_[5] += f;
  state_[6] += g;
  state_[7] += h;
}

void HmacSha256::setKey(const uint8_t key[KEY_BYTES]) {
  takePad(key, 0x36, inner_);
  takePad(key, 0x5c, outer_);
}

void HmacSha256::takePad(const uint8_t key[KEY_BYTES], uint8_t pad, uint32_t state[8]) {
  hash_.begin();
  for (uint8_t at = 0; at < 64; at++) hash_.add(at < KEY_BYTES ? key[at] ^ pad : pad);
  memcpy(state, hash_.state_, sizeof hash_.state_);
}

void HmacSha256::begin() {
  memcpy(hash_.state_, inner_, sizeof inner_);
  hash_.bytes_ = 64;
}

void HmacSha256::finish(uint8_t mac[Sha256::BYTES]) {
  hash_.finish(mac);
  memcpy(hash_.state_, outer_, sizeof outer_);
  hash_.bytes_ = 64;
  hash_.add(mac, Sha256::BYTES);
  hash_.finish(mac);
}

} // namespace adept
