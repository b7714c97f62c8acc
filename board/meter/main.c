/*
 * The meter: the module on the chip with nothing around it but somebody at the serial line who calls its exports one by
 * one and is told what each cost. Under QEMU with -icount a tick of the timer is an instruction or nearly so
 * (board/qemu/meter.ts knows the factor).
 *
 *   request   operation, a, b (little-endian words); then `a` bytes where it says so
 *   answer    ticks to the return, ticks to the last change of the screen (0: none), due or result, stack used (bytes),
 *             state, on, text (8), bytes sent (2: how many)
 */
#include <string.h>

#include "card.h"
#include "development.h"
#include "microbit/nrf51.h"
#include "microbit/oled.h"
#include "microbit/pins.h"
#include "microbit/uart.h"
#include "reference.h"

enum {
  BOOT = 'b',
  KEY = 'k',
  TICK = 't',
  SERIAL = 's',
  FLASH = 'f',
  SEED = 'r',
  REFERENCE = 'c',
  NOTHING = 'n',
};

#define PAINT 0xa5u
#define SENT_ROOM 320u
#define RESPONSE 8u

extern uint8_t stack_bottom[], stack_top[];

static struct {
  uint32_t start, shown, end;
  uint32_t stack;
  uint32_t random;
  uint32_t sent_length;
  uint8_t sent[SENT_ROOM];
} meter;

/* ---- the line, without interrupts: nothing else may run while something is measured ---- */

static uint8_t receive(void) {
  while (!UART_EVENTS_RXDRDY) {
  }
  UART_EVENTS_RXDRDY = 0;
  return (uint8_t)UART_RXD;
}

static uint32_t receive_word(void) {
  uint32_t word = 0;
  for (unsigned shift = 0; shift < 32; shift += 8) word |= (uint32_t)receive() << shift;
  return word;
}

static void transmit(const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    UART_EVENTS_TXDRDY = 0;
    UART_TXD = ((const uint8_t *)bytes)[i];
    while (!UART_EVENTS_TXDRDY) {
    }
  }
}

/* ---- what is measured ---- */

static uint32_t ticks(void) {
  TIMER_TASKS_CAPTURE(1) = 1;
  return TIMER_CC(1);
}

/* The stack below this call, painted; and how far down it was used since. */
static __attribute__((noinline)) void paint(void) {
  uint8_t *const top = (uint8_t *)__builtin_frame_address(0) - 64;
  for (uint8_t *at = stack_bottom; at < top; at++) *(volatile uint8_t *)at = PAINT;
}

/* In place of the port's: each call into the module ends here. */
void port_forget(void) {
  meter.end = ticks();
  const uint8_t *at = stack_bottom;
  while (*at == PAINT) at++;
  const uint32_t used = (uint32_t)(stack_top - at);
  if (used > meter.stack) meter.stack = used;
}

void oled_show(const uint8_t *text) {
  (void)text;
  meter.shown = ticks();
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length && meter.sent_length < SENT_ROOM; i++) meter.sent[meter.sent_length++] = bytes[i];
}

/* Neither the wait for a random byte nor the one for a conversion is an instruction of ours. */
bool development_random(uint8_t *into, size_t length) {
  for (size_t i = 0; i < length; i++) {
    meter.random = meter.random * 1664525u + 1013904223u;
    into[i] = (uint8_t)(meter.random >> 24);
  }
  return true;
}

uint32_t development_battery(uint32_t (*measured)(void)) {
  (void)measured;
  return 3000;
}

void development_before_program(uint32_t address, uint32_t word) {
  (void)address, (void)word;
}

void development_before_erase(uint32_t page) {
  (void)page;
}

/* Of the port, and not used here. */
void uart_start(void) {}
bool uart_has_byte(void) { return false; }
void uart_interrupt(void) {}
int port_receive(void) { return -1; }
void oled_start(void) {}

/* ---- requests ---- */

static void begin(void) {
  meter.sent_length = 0;
  paint();
  meter.shown = 0;
  meter.start = ticks();
}

static uint32_t measure_reference(void) {
  uint8_t input[38], response[RESPONSE];
  for (size_t i = 0; i < sizeof input; i++) input[i] = receive();
  begin();
  reference_response(input, input + 32, response);
  meter.end = ticks();
  memcpy(card_face.text, response, RESPONSE);
  return 0;
}

/* Only the calls count, not the wait for the next byte. */
static uint32_t take_bytes(uint32_t length) {
  uint32_t due = 0, spent = 0;
  for (uint32_t i = 0; i < length; i++) {
    const uint8_t byte = receive();
    meter.start = ticks();
    due = card_serial(byte);
    spent += meter.end - meter.start;
  }
  meter.start = meter.end - spent;
  return due;
}

static uint32_t write_flash(uint32_t length) {
  for (uint32_t page = 0; page < PORT_FLASH_PAGES; page++) port_flash_erase(page);
  for (uint32_t at = 0; at < length; at += 4) {
    const uint32_t word = receive_word();
    if (word != 0xffffffffu) port_flash_program(at, word);
  }
  return 0;
}

static uint32_t carry_out(uint8_t operation, uint32_t a, uint32_t b) {
  begin();
  switch (operation) {
    case BOOT:
      card_boot();
      return CARD_NEVER;
    case KEY:
      return card_key(a, b != 0);
    case TICK:
      return card_tick(a);
    case SERIAL:
      return take_bytes(a);
    case FLASH:
      return write_flash(a);
    case SEED:
      meter.random = a;
      return 0;
    case REFERENCE:
      return measure_reference();
    default:
      meter.end = ticks();
      return 0;
  }
}

static void answer(uint32_t result) {
  const uint32_t shown = meter.shown ? meter.shown - meter.start : 0;
  const uint32_t words[4] = {meter.end - meter.start, shown, result, meter.stack};
  const uint8_t face[2] = {(uint8_t)card_state(), card_face.on};
  transmit(words, sizeof words);
  transmit(face, sizeof face);
  transmit(card_face.text, sizeof card_face.text);
  transmit(&meter.sent_length, 2);
  transmit(meter.sent, meter.sent_length);
}

static void start(void) {
  TIMER_BITMODE = TIMER_32_BITS;
  TIMER_PRESCALER = 0;
  TIMER_TASKS_CLEAR = 1;
  TIMER_TASKS_START = 1;
  UART_PSELTXD = TXD_PIN;
  UART_PSELRXD = RXD_PIN;
  UART_BAUDRATE = UART_115200_BAUD;
  UART_ENABLE = UART_ENABLED;
  UART_TASKS_STARTTX = 1;
  UART_TASKS_STARTRX = 1;
}

int main(void) {
  start();
  /* Says that it listens. */
  answer(0);
  for (;;) {
    const uint8_t operation = receive();
    const uint32_t a = receive_word();
    const uint32_t b = receive_word();
    answer(carry_out(operation, a, b));
  }
}
