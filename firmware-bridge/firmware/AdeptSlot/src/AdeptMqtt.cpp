// A small AVR has neither a network nor room for it, and its linker keeps texts that nobody uses.
#ifndef __AVR__

#include "AdeptMqtt.h"
#include <string.h>

namespace {
constexpr uint16_t KEEP_ALIVE_SECONDS = 60;
constexpr uint32_t PING_AFTER_MS = 20000;
constexpr uint32_t SILENT_MS = 50000;
constexpr uint32_t CONNACK_WITHIN_MS = 5000;

// Packet types with their fixed flags [MQTT-2.2.2-1].
constexpr uint8_t CONNECT = 0x10, CONNACK = 0x20, PUBLISH = 0x30, PUBACK = 0x40, SUBSCRIBE = 0x82, PINGREQ = 0xC0;
constexpr uint8_t QOS_1 = 0x02, RETAIN = 0x01;
// User name, password, will retain, will QoS 1, will, clean session.
constexpr uint8_t CONNECT_FLAGS = 0xC0 | 0x20 | 0x08 | 0x04 | 0x02;
} // namespace

bool AdeptMqtt::connect(const char *host, uint16_t port, const char *id, const char *password, const char *willTopic) {
  net_.stop();
  state_ = TYPE;
  outLength_ = 0;
  if (!net_.connect(host, port)) return false;
  const char *const texts[] = {id, willTopic, "offline", id, password};
  uint32_t length = 10;
  for (const char *text : texts) length += 2 + strlen(text);
  head(CONNECT, length);
  text("MQTT");
  put(4);
  put(CONNECT_FLAGS);
  number(KEEP_ALIVE_SECONDS);
  for (const char *each : texts) text(each);
  flush();
  heardAtMs_ = millis();
  if (awaitConnack()) return true;
  net_.stop();
  return false;
}

bool AdeptMqtt::awaitConnack() {
  const uint32_t sinceMs = millis();
  while (millis() - sinceMs < CONNACK_WITHIN_MS && net_.connected()) {
    if (readPacket()) return type_ == CONNACK && length_ == 2 && buffer_[1] == 0;
    delay(1);
  }
  return false;
}

void AdeptMqtt::publish(const char *topic, const char *payload, bool retained, uint16_t packetId) {
  head(PUBLISH | QOS_1 | (retained ? RETAIN : 0), 2 + strlen(topic) + 2 + strlen(payload));
  text(topic);
  number(packetId);
  while (*payload) put((uint8_t)*payload++);
  flush();
}

void AdeptMqtt::subscribe(const char *topic, uint16_t packetId) {
  head(SUBSCRIBE, 2 + 2 + strlen(topic) + 1);
  number(packetId);
  text(topic);
  put(1);
  flush();
}

AdeptMqtt::Event AdeptMqtt::poll() {
  if (!net_.connected()) return NOTHING;
  if (readPacket()) {
    heardAtMs_ = millis();
    return takePacket();
  }
  if (millis() - heardAtMs_ >= SILENT_MS) {
    net_.stop();
  } else if (millis() - heardAtMs_ >= PING_AFTER_MS && millis() - sentAtMs_ >= PING_AFTER_MS) {
    head(PINGREQ, 0);
    flush();
  }
  return NOTHING;
}

/** Takes bytes until a packet is whole. One that is too long for the buffer is read to its end and dropped. */
bool AdeptMqtt::readPacket() {
  while (net_.available() > 0) {
    const uint8_t byte = (uint8_t)net_.read();
    if (state_ == TYPE) {
      type_ = byte;
      length_ = 0;
      lengthShift_ = 0;
      received_ = 0;
      state_ = LENGTH;
      continue;
    }
    if (state_ == LENGTH) {
      length_ |= (uint32_t)(byte & 0x7F) << lengthShift_;
      lengthShift_ += 7;
      if (byte & 0x80) {
        if (lengthShift_ > 21) net_.stop(); // more than four length bytes are no MQTT
        continue;
      }
      state_ = BODY;
    } else {
      if (received_ < BUFFER_BYTES) buffer_[received_] = byte;
      received_++;
    }
    if (received_ < length_) continue;
    state_ = TYPE;
    if (length_ <= BUFFER_BYTES) return true;
  }
  return false;
}

AdeptMqtt::Event AdeptMqtt::takePacket() {
  if (type_ == PUBACK && length_ >= 2) {
    packetId_ = (uint16_t)(buffer_[0] << 8 | buffer_[1]);
    return ACKNOWLEDGED;
  }
  if ((type_ & 0xF0) != PUBLISH || length_ < 2) return NOTHING;
  const uint16_t topicLength = (uint16_t)(buffer_[0] << 8 | buffer_[1]);
  const bool wantsAck = (type_ & 0x06) == QOS_1;
  const uint32_t start = 2u + topicLength + (wantsAck ? 2 : 0);
  if (start > length_ || topicLength >= sizeof topic_) return NOTHING;
  memcpy(topic_, buffer_ + 2, topicLength);
  topic_[topicLength] = '\0';
  buffer_[length_] = '\0';
  payload_ = (const char *)buffer_ + start;
  if (wantsAck) {
    head(PUBACK, 2);
    put(buffer_[start - 2]);
    put(buffer_[start - 1]);
    flush();
  }
  return MESSAGE;
}

void AdeptMqtt::head(uint8_t type, uint32_t length) {
  put(type);
  do {
    put((uint8_t)((length & 0x7F) | (length > 0x7F ? 0x80 : 0)));
    length >>= 7;
  } while (length > 0);
}

void AdeptMqtt::number(uint16_t value) {
  put((uint8_t)(value >> 8));
  put((uint8_t)value);
}

void AdeptMqtt::text(const char *text) {
  number((uint16_t)strlen(text));
  while (*text) put((uint8_t)*text++);
}

/** Gathers bytes: a Wi-Fi module makes a packet of each write. */
void AdeptMqtt::put(uint8_t byte) {
  out_[outLength_++] = byte;
  if (outLength_ == sizeof out_) flush();
}

void AdeptMqtt::flush() {
  if (outLength_ > 0) net_.write(out_, outLength_);
  outLength_ = 0;
  sentAtMs_ = millis();
}

#endif
