/*
 * An Arduino Uno in software: simavr's ATmega328P with a bootloader, its UART behind a pty.
 *
 *   simavr-board <memory file> <address of the bootloader>
 *
 * It prints "port /dev/pts/N" and runs until a signal or the end of its standard input. What a real board does and simavr alone
 * does not:
 * - Flash and EEPROM are the memory file (mapped: what was programmed before a SIGKILL stays, as in a power cut).
 * - Opening the port resets the board, as DTR does over a capacitor; a pty has no DTR. So the slave is left closed here.
 * - A host that talks at another rate than the UART is heard as framing errors, and hears garbage.
 * - Time passes no faster than outside: bootloaders count on the host's delays.
 * The pty is polled in the simulator's own thread; libsimavrparts' uart_pty has a thread of its own that can deadlock at its end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_eeprom.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_regbit.h>

enum {
  CLOCK_HZ = 16000000,
  FLASH_BYTES = 32768,
  EEPROM_BYTES = 1024,
  /* Cycles between two looks at the pty: 0.25 ms. At 115,200 baud a byte takes 0.087 ms, and the UART's fifo holds 64. */
  LOOK_CYCLES = CLOCK_HZ / 4000,
  /* Rates further apart than this are not understood; the Uno's 117,647 passes for 115,200. */
  RATE_TOLERANCE_PERCENT = 4,
};

/* Registers of the ATmega328P's UART, by data address. */
enum { UCSR0A = 0xc0, UBRR0L = 0xc4, UBRR0H = 0xc5, U2X0 = 1 << 1 };

static avr_t *avr;
static avr_irq_t *uart_input;
static int master;
static int host_is_there;
static int uart_has_room;
static int rates_agree;

static void fail(const char *what) {
  fprintf(stderr, "simavr-board: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static void on_output(avr_irq_t *irq, uint32_t value, void *param) {
  uint8_t byte = rates_agree ? value : value ^ 0xa5;
  /* A full pty loses bytes, as a wire does. */
  if (host_is_there && write(master, &byte, 1) < 0 && errno != EAGAIN && errno != EIO) fail("pty");
}

static void on_room(avr_irq_t *irq, uint32_t value, void *param) { uart_has_room = 1; }
static void on_full(avr_irq_t *irq, uint32_t value, void *param) {
  if (value) uart_has_room = 0;
}

static long rate_of(speed_t speed) {
  switch (speed) {
    case B9600: return 9600;
    case B19200: return 19200;
    case B38400: return 38400;
    case B57600: return 57600;
    case B115200: return 115200;
    case B230400: return 230400;
    default: return 0;
  }
}

static int same_rate(void) {
  struct termios settings;
  if (tcgetattr(master, &settings) < 0) return 0;
  long host = rate_of(cfgetospeed(&settings));
  long divisor = (avr->data[UBRR0L] | avr->data[UBRR0H] << 8) + 1;
  long board = CLOCK_HZ / ((avr->data[UCSR0A] & U2X0 ? 8 : 16) * divisor);
  return labs(board - host) * 100 <= host * RATE_TOLERANCE_PERCENT;
}

static void reset(avr_regbit_t cause) {
  avr_reset(avr);
  avr_regbit_set(avr, cause);
}

/* Carries bytes to the board and notices a host that comes or goes. */
static void look_at_pty(void) {
  struct pollfd look = {.fd = master, .events = POLLIN};
  if (poll(&look, 1, 0) < 0 && errno != EINTR) fail("poll");
  int is_there = !(look.revents & POLLHUP);
  if (is_there && !host_is_there) reset(avr->reset_flags.extrf);
  host_is_there = is_there;
  rates_agree = same_rate();
  while (uart_has_room && look.revents & POLLIN) {
    uint8_t byte;
    if (read(master, &byte, 1) != 1) break;
    avr_raise_irq(uart_input, rates_agree ? byte : (byte ^ 0xa5) | UART_INPUT_FE);
  }
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Sleeping is done between two looks; a sleeping core only moves its clock on. */
static void do_not_sleep(avr_t *core, avr_cycle_count_t how_long) {}

static uint8_t *open_memory(const char *file) {
  int fd = open(file, O_RDWR);
  if (fd < 0) fail(file);
  uint8_t *memory = mmap(NULL, FLASH_BYTES + EEPROM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail(file);
  close(fd);
  return memory;
}

static void open_pty(void) {
  int slave;
  char name[64];
  struct termios raw;
  if (openpty(&master, &slave, name, NULL, NULL) < 0) fail("openpty");
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  /* Only a slave that was opened and closed once reports that nobody is there. */
  close(slave);
  fcntl(master, F_SETFL, O_NONBLOCK);
  printf("port %s\n", name);
  fflush(stdout);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: simavr-board <memory file> <address of the bootloader>\n");
    return 2;
  }
  avr = avr_make_mcu_by_name("atmega328p");
  if (!avr || avr_init(avr) < 0) fail("simavr has no atmega328p");
  avr->frequency = CLOCK_HZ;
  avr->log = LOG_NONE;
  avr->sleep = do_not_sleep;

  uint8_t *memory = open_memory(arguments[1]);
  avr->reset_pc = strtoul(arguments[2], NULL, 0);
  avr->flash = memory;
  avr_eeprom_desc_t eeprom = {.ee = memory + FLASH_BYTES, .size = EEPROM_BYTES};
  avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &eeprom);
  avr_eeprom_desc_t live = {.ee = NULL, .size = EEPROM_BYTES};
  avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &live);

  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  uart_input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_output, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), on_room, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), on_full, NULL);
  open_pty();
  reset(avr->reset_flags.porf);

  int64_t began_ns = now_ns();
  avr_cycle_count_t next_look = 0;
  for (;;) {
    /* A core that ran into nonsense (a half-written program) stands still until somebody resets it. */
    int runs = avr->state == cpu_Running || avr->state == cpu_Sleeping;
    if (runs) avr_run(avr);
    else avr->cycle += LOOK_CYCLES;
    if (avr->cycle < next_look) continue;
    next_look = avr->cycle + LOOK_CYCLES;
    look_at_pty();
    memcpy(memory + FLASH_BYTES, live.ee, EEPROM_BYTES);
    int64_t ahead_ns = (int64_t)(avr->cycle * 125 / 2) - (now_ns() - began_ns);
    if (ahead_ns > 1000000) {
      struct pollfd leash = {.fd = STDIN_FILENO, .events = POLLIN};
      poll(&leash, 1, ahead_ns / 1000000);
      if (leash.revents & POLLHUP) _exit(0);
    } else if (ahead_ns < -100000000) {
      /* A machine that was busy is not made up for: the board would run too fast for its host. */
      began_ns -= ahead_ns;
    }
  }
}
