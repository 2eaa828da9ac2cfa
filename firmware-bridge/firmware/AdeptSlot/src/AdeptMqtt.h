// MQTT 3.1.1 for one device: QoS 1 out and in, a will, nothing else. The usual small client for Arduino sends QoS 0 only, and
// a level that no PUBACK answers is not on the gateway's disk.
#pragma once
#include <Arduino.h>
#include <Client.h>

class AdeptMqtt {
public:
  enum Event : uint8_t { NOTHING, ACKNOWLEDGED, MESSAGE };

  explicit AdeptMqtt(Client &net) : net_(net) {}

  /** Connects as `id`, also its user name; the broker says "offline" on `willTopic` (retained) when it loses us. Takes up to 5 s. */
  bool connect(const char *host, uint16_t port, const char *id, const char *password, const char *willTopic);

  bool isConnected() { return net_.connected(); }

  /** QoS 1 under a packet id; ACKNOWLEDGED with this `packetId` tells when it arrived. */
  void publish(const char *topic, const char *payload, bool retained, uint16_t packetId);
  void subscribe(const char *topic, uint16_t packetId);

  /** Reads what has come, up to one whole packet; keeps the connection alive, or gives it up when the broker is silent. */
  Event poll();

  uint16_t packetId() const { return packetId_; }
  /** Of the latest MESSAGE, until the next `poll`. */
  const char *topic() const { return topic_; }
  const char *payload() const { return payload_; }

private:
  static constexpr uint16_t BUFFER_BYTES = 512;

  void head(uint8_t type, uint32_t length);
  void number(uint16_t value);
  void text(const char *text);
  void flush();
  void put(uint8_t byte);
  bool readPacket();
  Event takePacket();
  bool awaitConnack();

  Client &net_;
  uint8_t out_[64];
  uint8_t outLength_ = 0;
  uint8_t buffer_[BUFFER_BYTES + 1];
  uint8_t type_ = 0;
  uint32_t length_ = 0;
  uint8_t lengthShift_ = 0;
  uint32_t received_ = 0;
  enum : uint8_t { TYPE, LENGTH, BODY } state_ = TYPE;
  uint16_t packetId_ = 0;
  char topic_[96];
  const char *payload_ = "";
  uint32_t sentAtMs_ = 0;
  uint32_t heardAtMs_ = 0;
};
