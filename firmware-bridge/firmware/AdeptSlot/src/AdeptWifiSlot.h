// One consumable on a board with a network: it speaks the gateway's MQTT wire, version 1, itself.
#pragma once
#include "AdeptMqtt.h"
#include "AdeptPace.h"
#include "AdeptScale.h"
#include "AdeptStore.h"

/** Where the gateway is, and as whom the board speaks: what `adept device add` printed. */
struct AdeptAccount {
  const char *host;
  uint16_t port;
  const char *deviceId;
  const char *password;
};

/** What the board holds. */
struct AdeptGoods {
  const char *slot;
  const char *unit;
  uint16_t capacity;
  const char *gtin14;
};

class AdeptWifiSlot {
public:
  AdeptWifiSlot(Client &net, const AdeptAccount &account, const AdeptGoods &goods, AdeptScale &scale)
      : mqtt_(net), account_(account), goods_(goods), scale_(scale) {}

  /** `random`: another number at each boot; it names the session. */
  void begin(uint8_t lampPin, uint32_t random);

  /** To be called again and again; `online`: the network is there. Connecting may take 5 s, everything else is short. */
  void poll(bool online);

private:
  static constexpr uint8_t NAME_BYTES = 33;
  static constexpr uint16_t REPORT_BYTES = 160;

  void introduce();
  void topicOf(const char *name);
  void report(uint32_t nowMs);
  void sendReport();
  void takeMessage();
  void takeCommand(const char *payload);
  void takeOrder(const char *payload);
  const char *obey(const char *name, const char *arguments);
  const char *calibrate(bool known, uint16_t units);
  bool keepTrying(uint32_t nowMs);

  AdeptMqtt mqtt_;
  const AdeptAccount account_;
  const AdeptGoods goods_;
  AdeptScale &scale_;
  adept::Store store_;
  adept::Settings settings_;
  AdeptPace pace_;
  uint8_t lampPin_ = 0;
  uint32_t session_ = 0;
  uint32_t seq_ = 0;
  char topic_[96];

  // One report is on its way at a time; it is sent again until the gateway has it on disk, with the same seq.
  char report_[REPORT_BYTES];
  bool isWaiting_ = false;
  bool isEvent_ = false;
  const char *trouble_ = nullptr;

  char lastCommand_[NAME_BYTES] = "";
  const char *lastAnswer_ = nullptr;

  bool wasConnected_ = false;
  uint32_t triedAtMs_ = 0;
  uint32_t retryAfterMs_ = 0;
};
