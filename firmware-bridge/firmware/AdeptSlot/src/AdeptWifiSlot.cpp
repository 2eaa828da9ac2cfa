// A small AVR has neither a network nor room for it, and its linker keeps texts that nobody uses.
#ifndef __AVR__

#include "AdeptWifiSlot.h"
#include "AdeptSlot.h"
#include <stdio.h>
#include <string.h>

using adept::Settings;

namespace {

constexpr uint32_t FIRST_RETRY_MS = 1000;
constexpr uint32_t LONGEST_RETRY_MS = 60000;
enum PacketId : uint16_t { STATUS_ID = 1, DESCRIPTION_ID, COMMAND_ID, ORDER_ID, RESULT_ID, REPORT_ID };

/** The text of `"key":"…"` in flat JSON without blanks, as the gateway writes it. False when it is absent, escaped or too long. */
bool textOf(const char *json, const char *key, char *text, uint8_t size) {
  char wanted[24];
  snprintf(wanted, sizeof wanted, "\"%s\":\"", key);
  const char *at = strstr(json, wanted);
  if (at == nullptr) return false;
  at += strlen(wanted);
  for (uint8_t length = 0; length < size; length++) {
    if (at[length] == '\0' || at[length] == '\\') return false;
    if (at[length] == '"') {
      text[length] = '\0';
      return length > 0;
    }
    text[length] = at[length];
  }
  return false;
}

} // namespace

void AdeptWifiSlot::begin(uint8_t lampPin, uint32_t random) {
  lampPin_ = lampPin;
  session_ = random;
  pinMode(lampPin_, OUTPUT);
  digitalWrite(lampPin_, LOW);
  store_.begin(settings_);
}

void AdeptWifiSlot::poll(bool online) {
  const uint32_t nowMs = millis();
  if (!online || !mqtt_.isConnected()) {
    wasConnected_ = false;
    // An attempt can outlast a second without samples, which would look like a silent sensor.
    if (online && keepTrying(nowMs)) return;
  } else {
    switch (mqtt_.poll()) {
    case AdeptMqtt::ACKNOWLEDGED:
      if (mqtt_.packetId() == REPORT_ID) isWaiting_ = false;
      break;
    case AdeptMqtt::MESSAGE:
      takeMessage();
      break;
    default:
      break;
    }
  }
  if (!isWaiting_) report(nowMs);
}

/** Connects, when it is time to; whether it was. */
bool AdeptWifiSlot::keepTrying(uint32_t nowMs) {
  if (retryAfterMs_ != 0 && nowMs - triedAtMs_ < retryAfterMs_) return false;
  topicOf("status");
  const bool connected = mqtt_.connect(account_.host, account_.port, account_.deviceId, account_.password, topic_);
  triedAtMs_ = millis();
  if (!connected) {
    const uint32_t doubled = retryAfterMs_ == 0 ? FIRST_RETRY_MS : retryAfterMs_ * 2;
    retryAfterMs_ = doubled > LONGEST_RETRY_MS ? LONGEST_RETRY_MS : doubled;
    return true;
  }
  retryAfterMs_ = FIRST_RETRY_MS;
  introduce();
  return true;
}

/** What every connection begins with; a report that was not acknowledged goes out again. */
void AdeptWifiSlot::introduce() {
  wasConnected_ = true;
  char description[320];
  snprintf(description, sizeof description,
           "{\"maker\":\"ADEPT\",\"model\":\"WifiLoadCell\",\"firmware\":{\"version\":\"" ADEPT_VERSION "\"},\"tier\":\"light\","
           "\"slots\":[{\"slot\":\"%s\",\"unit\":\"%s\",\"capacity\":%u,"
           "\"replacementProducts\":[{\"type\":\"gtin14\",\"value\":\"%s\"}]}]}",
           goods_.slot, goods_.unit, (unsigned)goods_.capacity, goods_.gtin14);
  topicOf("description");
  mqtt_.publish(topic_, description, true, DESCRIPTION_ID);
  topicOf("status");
  mqtt_.publish(topic_, "online", true, STATUS_ID);
  topicOf("command");
  mqtt_.subscribe(topic_, COMMAND_ID);
  topicOf("order");
  mqtt_.subscribe(topic_, ORDER_ID);
  if (isWaiting_) sendReport();
}

void AdeptWifiSlot::topicOf(const char *name) { snprintf(topic_, sizeof topic_, "adept/v1/%s/%s", account_.deviceId, name); }

/** Makes the next report when one is due: a level, or once the word for what keeps it from being known. */
void AdeptWifiSlot::report(uint32_t nowMs) {
  int32_t units = 0;
  const AdeptScale::Look look = scale_.look(settings_, units);
  if (look == AdeptScale::MOVING) return;
  // In a chip with a network a text in flash is like any other.
  const char *const word = (const char *)AdeptScale::wordFor(look);
  if (word == nullptr) {
    if (trouble_ == nullptr && !pace_.due(units, scale_.step, nowMs)) return;
    snprintf(report_, sizeof report_, "{\"session\":\"%08lx\",\"seq\":%lu,\"slot\":\"%s\",\"remaining\":%ld,\"unit\":\"%s\"}",
             (unsigned long)session_, (unsigned long)seq_, goods_.slot, (long)units, goods_.unit);
    pace_.sent(units, scale_.step, nowMs);
  } else {
    if (word == trouble_) return;
    snprintf(report_, sizeof report_, "{\"session\":\"%08lx\",\"seq\":%lu,\"type\":\"fault\",\"detail\":{\"fault\":\"%s\"}}",
             (unsigned long)session_, (unsigned long)seq_, word);
  }
  trouble_ = word;
  isEvent_ = word != nullptr;
  isWaiting_ = true;
  seq_++;
  if (wasConnected_) sendReport();
}

void AdeptWifiSlot::sendReport() {
  topicOf(isEvent_ ? "event" : "consumable");
  mqtt_.publish(topic_, report_, false, REPORT_ID);
}

void AdeptWifiSlot::takeMessage() {
  topicOf("command");
  if (strcmp(mqtt_.topic(), topic_) == 0) return takeCommand(mqtt_.payload());
  topicOf("order");
  if (strcmp(mqtt_.topic(), topic_) == 0) takeOrder(mqtt_.payload());
}

/** `{"id":"c-81","name":"lamp","arguments":{"on":true}}`; QoS 1 may bring it twice. */
void AdeptWifiSlot::takeCommand(const char *payload) {
  char id[NAME_BYTES], name[NAME_BYTES];
  if (!textOf(payload, "id", id, sizeof id) || !textOf(payload, "name", name, sizeof name)) return;
  if (strcmp(id, lastCommand_) != 0) {
    const char *arguments = strstr(payload, "\"arguments\":{");
    lastAnswer_ = obey(name, arguments == nullptr ? "" : arguments);
    strcpy(lastCommand_, id);
  }
  char result[96];
  if (lastAnswer_ == nullptr) snprintf(result, sizeof result, "{\"id\":\"%s\",\"ok\":true}", id);
  else snprintf(result, sizeof result, "{\"id\":\"%s\",\"ok\":false,\"error\":\"%s\"}", id, lastAnswer_);
  topicOf("command/result");
  mqtt_.publish(topic_, result, false, RESULT_ID);
}

/** Does it; nullptr when that succeeded, else the word for why not: the words of the serial line. */
const char *AdeptWifiSlot::obey(const char *name, const char *arguments) {
  if (strcmp(name, "lamp") == 0) {
    const bool on = strstr(arguments, "\"on\":true") != nullptr;
    if (!on && strstr(arguments, "\"on\":false") == nullptr) return "value";
    digitalWrite(lampPin_, on ? HIGH : LOW);
    return nullptr;
  }
  if (strcmp(name, "tare") == 0) return calibrate(false, 0);
  if (strcmp(name, "scale") == 0) {
    const char *value = strstr(arguments, "\"value\":");
    const long units = value == nullptr ? 0 : atol(value + 8);
    return units >= 1 && units <= 60000 ? calibrate(true, (uint16_t)units) : "value";
  }
  return "unknown";
}

const char *AdeptWifiSlot::calibrate(bool known, uint16_t units) {
  Settings changed = settings_;
  const AdeptScale::Word word = known ? scale_.takeKnown(changed, units) : scale_.takeTare(changed);
  if (word != nullptr) return (const char *)word;
  if (!store_.save(changed)) return "store";
  settings_ = changed;
  pace_.ask();
  return nullptr;
}

/** The lamp is on while goods are on their way, or there and not poured in. */
void AdeptWifiSlot::takeOrder(const char *payload) {
  char slot[NAME_BYTES], state[NAME_BYTES];
  if (payload[0] != '\0' && (!textOf(payload, "slot", slot, sizeof slot) || strcmp(slot, goods_.slot) != 0)) return;
  const bool known = payload[0] != '\0' && textOf(payload, "state", state, sizeof state);
  digitalWrite(lampPin_, known && (strcmp(state, "shipped") == 0 || strcmp(state, "delivered") == 0) ? HIGH : LOW);
}

#endif
