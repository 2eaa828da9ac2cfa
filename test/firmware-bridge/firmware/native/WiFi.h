// A network that is always there: the client is a TCP socket of this machine.
#pragma once
#include <Client.h>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIFI_STA, WL_CONNECTED };

class {
public:
  void mode(int) {}
  void begin(const char *, const char *) {}
  int status() { return WL_CONNECTED; }
} WiFi;

uint32_t esp_random();

class WiFiClient : public Client {
public:
  int connect(const char *host, uint16_t port) override {
    stop();
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, host, &to.sin_addr);
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, (sockaddr *)&to, sizeof to) == 0) return 1;
    stop();
    return 0;
  }
  void stop() override {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }
  uint8_t connected() override {
    if (socket_ < 0) return 0;
    char byte;
    const ssize_t got = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) stop();
    return socket_ >= 0;
  }
  int available() override {
    int count = 0;
    return socket_ >= 0 && ioctl(socket_, FIONREAD, &count) == 0 ? count : 0;
  }
  int read() override {
    uint8_t byte;
    return socket_ >= 0 && recv(socket_, &byte, 1, 0) == 1 ? byte : -1;
  }
  size_t write(uint8_t byte) override { return write(&byte, 1); }
  size_t write(const uint8_t *bytes, size_t count) override {
    return socket_ >= 0 && send(socket_, bytes, count, MSG_NOSIGNAL) == (ssize_t)count ? count : 0;
  }

private:
  int socket_ = -1;
};
