/*
 * The meter: the module on the chip. The other end of the serial line calls its exports one by one and gets the cost of
 * each call. Under QEMU with -icount a tick of the timer is about an instruction (test/rig/meter.ts has the factor).
 *
 *   request   operation, a, b (little-endian words); then `a` bytes where it says so
 *   answer    ticks to the return, ticks to the last change of the screen (0: none), due or result, stack used (bytes),
 *             address of an instruction skipped, state, on, text (8), bytes sent (2: how many)
 */
#include <string.h>

#include "card.h"
#include "development/development.h"
#include "keep.h"
#include "line.h"
#include "ports/microbit/oled.h"
#include "ports/microbit/uart.h"
#include "reference.h"
#include "skip.h"

enum {
  BOOT = 'b',
  KEY = 'k',
  TICK = 't',
  SERIAL = 's',
  FLASH = 'f',
  SEED = 'r',
  REFERENCE = 'c',
  SAVE = 'w',
  LOAD = 'l',
  ENTER = 'e',
  DIGEST = 'd',
  RESET = 'z',
  NOTHING = 'n',
};

/* Key OK; how long (ms) a key is down and then up. */
#define OK 10u
#define TAP 80u
#define UP 40u
/* The result if the meter has just started. */
#define STARTED 0xffffffffu
#define PAINT 0xa5u
#define SENT_ROOM 320u
#define RESPONSE 8u

extern uint8_t stack_bottom[], stack_top[];

static struct {
  uint32_t start, shown, end;
  uint32_t stack;
  uint32_t random;
  uint32_t skipped;
  uint32_t sent_length;
  uint8_t sent[SENT_ROOM];
} meter;

/* ---- what is measured ---- */

/* Paints the stack below this call; later, the depth of its use can be read. */
static __attribute__((noinline)) void paint(void) {
  uint8_t *const top = (uint8_t *)__builtin_frame_address(0) - 64;
  for (uint8_t *at = stack_bottom; at < top; at++) *(volatile uint8_t *)at = PAINT;
}

/* Replaces the port's function. Each call into the module ends here. */
void port_forget(void) {
  meter.end = line_ticks();
  const uint8_t *at = stack_bottom;
  while (*at == PAINT) at++;
  const uint32_t used = (uint32_t)(stack_top - at);
  if (used > meter.stack) meter.stack = used;
}

void oled_show(const uint8_t *text) {
  (void)text;
  meter.shown = line_ticks();
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length && meter.sent_length < SENT_ROOM; i++) meter.sent[meter.sent_length++] = bytes[i];
}

/* Replaces the waits for a random byte and for a conversion, whose instructions must not count. */
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

/* A function of the port that is not used here. */
void uart_start(void) {}
bool uart_has_byte(void) { return false; }
void uart_interrupt(void) {}
int port_receive(void) { return -1; }
void oled_start(void) {}

/* ---- requests ---- */

static void begin(void) {
  meter.sent_length = 0;
  meter.skipped = 0;
  paint();
  meter.shown = 0;
  meter.start = line_ticks();
}

static uint32_t measure_reference(void) {
  uint8_t input[38], response[RESPONSE];
  for (size_t i = 0; i < sizeof input; i++) input[i] = line_byte();
  begin();
  reference_response(input, input + 32, response);
  meter.end = line_ticks();
  memcpy(card_view.text, response, RESPONSE);
  return 0;
}

/* Counts only the calls, not the waiting for the next byte. */
static uint32_t take_bytes(uint32_t length) {
  uint32_t due = 0, spent = 0;
  for (uint32_t i = 0; i < length; i++) {
    const uint8_t byte = line_byte();
    meter.start = line_ticks();
    due = card_serial(byte);
    spent += meter.end - meter.start;
  }
  meter.start = meter.end - spent;
  return due;
}

static uint32_t write_flash(uint32_t length) {
  for (uint32_t page = 0; page < PORT_FLASH_PAGES; page++) port_flash_erase(page);
  for (uint32_t at = 0; at < length; at += 4) {
    const uint32_t word = line_word();
    if (word != 0xffffffffu) port_flash_program(at, word);
  }
  return 0;
}

static void tap(uint32_t key) {
  card_key(key, true);
  card_tick(TAP);
  card_key(key, false);
  card_tick(UP);
}

/*
 * Types four digits and OK, and measures the release of OK. Skips an instruction `delay` ticks later. Returns the
 * digest of the result.
 */
static uint32_t enter(uint32_t digits, uint32_t delay) {
  for (unsigned shift = 0; shift < 32; shift += 8) tap((digits >> shift & 0xff) - '0');
  card_key(OK, true);
  card_tick(TAP);
  card_key(OK, false);
  begin();
  skip_arm(delay);
  card_tick(UP);
  meter.skipped = skip_disarm();
  return keep_digest();
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
    case SAVE:
      keep_save(a, meter.random);
      return 0;
    case LOAD:
      meter.random = keep_restore(a);
      return 0;
    case ENTER:
      return enter(a, b);
    case RESET:
      port_reset();
    case DIGEST:
      return keep_digest();
    default:
      meter.end = line_ticks();
      return 0;
  }
}

static void answer(uint32_t result) {
  const uint32_t shown = meter.shown ? meter.shown - meter.start : 0;
  const uint32_t words[5] = {meter.end - meter.start, shown, result, meter.stack, meter.skipped};
  const uint8_t view[2] = {(uint8_t)card_state(), card_view.on};
  line_send(words, sizeof words);
  line_send(view, sizeof view);
  line_send(card_view.text, sizeof card_view.text);
  line_send(&meter.sent_length, 2);
  line_send(meter.sent, meter.sent_length);
}

int main(void) {
  line_start();
  begin();
  card_boot();
  /* Reports that it is ready. */
  answer(STARTED);
  for (;;) {
    const uint8_t operation = line_request();
    const uint32_t a = line_word();
    const uint32_t b = line_word();
    answer(carry_out(operation, a, b));
  }
}
