// A bottle on a load cell, on an ESP32 that reports over Wi-Fi: HX711 DOUT to pin 16, SCK to pin 17, lamp on pin 2.
// `adept device add wifi-bottle` prints the password. The gateway must listen on the network: mqtt.host in adept.yaml.
// It cannot be calibrated over USB: send it the commands tare and scale (README).
#include <AdeptHx711.h>
#include <AdeptWifiSlot.h>
#include <WiFi.h>

#ifndef ADEPT_HOST
#define ADEPT_HOST "192.168.1.10"
#define ADEPT_PORT 1883
#define ADEPT_PASSWORD "what adept device add printed"
#define WIFI_NAME "your network"
#define WIFI_PASSWORD "its password"
#endif

const uint8_t LAMP = 2;

AdeptHx711 sensor(16, 17);
AdeptScale scale(400, 5, AdeptHx711::LOWEST, AdeptHx711::HIGHEST);
WiFiClient network;
const AdeptAccount account = {ADEPT_HOST, ADEPT_PORT, "wifi-bottle", ADEPT_PASSWORD};
const AdeptGoods goods = {"detergent", "g", 1400, "04006381333931"};
AdeptWifiSlot bottle(network, account, goods, scale);

void setup() {
  sensor.begin();
  WiFi.mode(WIFI_STA);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD); // it connects again by itself
  bottle.begin(LAMP, esp_random());
}

void loop() {
  int32_t raw;
  if (sensor.read(raw)) scale.add(raw);
  bottle.poll(WiFi.status() == WL_CONNECTED);
}
