/*
 * The port to the sifive_e (FE310, RV32IMAC) as QEMU 7.2 has it: serial line, clock and sleep are the chip's. The FE310
 * has no random generator, and an image cannot erase the flash that it runs from, so stand-ins supply both. The front
 * panel supplies the keys. It is not a port for a real board, which needs all of these.
 */
#include "port.h"

#include "fe310.h"
#include "ring.h"
#include "riscv/start.h"
#include "standins/standins.h"

/* QEMU 7.2 counts at 10 MHz; the chip, and QEMU from 8.1 on, at 32,768 Hz. */
#define TICKS_PER_MS 10000u
/* For a 16 MHz crystal; QEMU ignores the baud rate. */
#define DIVISOR_115200 (16000000u / 115200u - 1)

/* The interval at which contacts are read (ms), on and off. */
#define SCAN_ON 5u
#define SCAN_OFF 20u
#define SUPPLY 3000u

static ring_t ring;

static struct {
  uint32_t ms;
  /* The low word of the timer at `ms`. */
  uint32_t ticks;
  uint32_t scan;
} now = {.scan = SCAN_OFF};

static void mask_interrupts(void) {
  __asm__ volatile("csrci mstatus, 8" ::: "memory");
}

static void let_interrupts(void) {
  __asm__ volatile("csrsi mstatus, 8" ::: "memory");
}

/* ---- start ---- */

static void stop_timer(void) {
  CLINT_COMPARE_HIGH = 0xffffffffu;
}

static void start_line(void) {
  UART_DIVISOR = DIVISOR_115200;
  UART_SEND_CONTROL = UART_ENABLED;
  UART_RECEIVE_CONTROL = UART_ENABLED;
  UART_INTERRUPTS = UART_RECEIVE_INTERRUPT;
  PLIC_PRIORITY(UART_SOURCE) = 1;
  PLIC_ENABLE = 1u << UART_SOURCE;
  PLIC_THRESHOLD = 0;
}

void port_start(void) {
  standin_flash_start();
  stop_timer();
  now.ticks = CLINT_TIME;
  start_line();
  __asm__ volatile("csrw mie, %0" ::"r"(MIE_TIMER | MIE_EXTERNAL));
  let_interrupts();
}

/* ---- serial line ---- */

/* If the ring is full, the byte waits in the UART until another is taken. */
static void receive(void) {
  while (!ring_is_full(&ring)) {
    const uint32_t byte = UART_RECEIVE;
    if (byte & UART_NONE) return;
    ring_put(&ring, (uint8_t)byte);
  }
  UART_INTERRUPTS = 0;
}

/* The timer only ends a sleep. */
void port_interrupt(void) {
  stop_timer();
  const uint32_t source = PLIC_CLAIM;
  if (source == UART_SOURCE) receive();
  if (source != 0) PLIC_CLAIM = source;
}

int port_receive(void) {
  mask_interrupts();
  ring_begin_anew(&ring);
  let_interrupts();
  const int byte = ring_take(&ring);
  if (byte >= 0) UART_INTERRUPTS = UART_RECEIVE_INTERRUPT;
  return byte;
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    while (UART_SEND & UART_NONE) {
    }
    UART_SEND = bytes[i];
  }
}

/* ---- time ---- */

uint32_t port_clock(void) {
  const uint32_t passed = (CLINT_TIME - now.ticks) / TICKS_PER_MS;
  now.ticks += passed * TICKS_PER_MS;
  now.ms += passed;
  return now.ms;
}

static uint64_t ticks_now(void) {
  uint32_t high, low;
  do {
    high = CLINT_TIME_HIGH;
    low = CLINT_TIME;
  } while (CLINT_TIME_HIGH != high);
  return (uint64_t)high << 32 | low;
}

/* The timer is stopped first, since it would interrupt at a half-written time. */
static void start_timer(uint32_t ticks) {
  const uint64_t end = ticks_now() + ticks;
  stop_timer();
  CLINT_COMPARE = (uint32_t)end;
  CLINT_COMPARE_HIGH = (uint32_t)(end >> 32);
}

void port_sleep(uint32_t ms) {
  const uint32_t span = ms < now.scan ? ms : now.scan;
  /* A masked interrupt still ends WFI, so none is lost between the check and the sleep. */
  mask_interrupts();
  start_timer(span * TICKS_PER_MS);
  if (!ring_has_byte(&ring)) __asm__ volatile("wfi");
  let_interrupts();
}

/* ---- keys, screen, supply ---- */

uint32_t port_keys(void) {
  return 0;
}

void port_display(const uint8_t *text) {
  (void)text;
}

uint32_t port_battery(void) {
  return SUPPLY;
}

void port_power(bool on) {
  now.scan = on ? SCAN_ON : SCAN_OFF;
}
