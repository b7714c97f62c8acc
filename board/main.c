/*
 * The main loop: passes time, contacts and serial bytes to the card, then sleeps until something new happens.
 */
#include "card.h"
#include "development/development.h"
#include "port.h"

#define KEYS 12u
/* The longest time that passes in one call, a day (ms): the card's time is signed, and the clock wraps. */
#define PIECE 86400000u

/* Milliseconds from `last_tick` to the next call; the clock at the last tick; the contacts that the card knows. */
static uint32_t due;
static uint32_t last_tick;
static uint32_t contacts;

/* Tells the card the time. */
static void pass_time(void) {
  const uint32_t now = port_clock();
  const uint32_t passed = now - last_tick;
  last_tick = now;
  if (passed != 0 && development_has_power() && !development_holds_time()) due = card_tick(passed);
}

static void scan_keys(void) {
  const uint32_t closed = port_keys();
  if (closed == contacts) return;
  pass_time();
  for (uint32_t key = 0; key < KEYS; key++) {
    const uint32_t bit = 1u << key;
    if ((closed ^ contacts) & bit) due = card_key(key, (closed & bit) != 0);
  }
  contacts = closed;
}

static void receive(void) {
  int byte = port_receive();
  if (byte >= 0) pass_time();
  for (; byte >= 0; byte = port_receive()) {
    if (development_has_power()) due = card_serial((uint8_t)byte);
    development_receive((uint8_t)byte, &due);
  }
}

/* Sleeps until something new happens or is due, after wiping the stack. */
static void rest(uint32_t ms) {
  port_forget();
  port_sleep(ms);
}

/* Milliseconds until the card must be called for an event, at most PIECE. */
static uint32_t left(void) {
  const uint32_t passed = port_clock() - last_tick;
  const uint32_t wanted = due < PIECE && !development_holds_time() ? due : PIECE;
  return passed < wanted ? wanted - passed : 0;
}

int main(void) {
  due = CARD_NEVER;
  port_start();
  card_boot();
  last_tick = port_clock();
  DEVELOPMENT_CUT_LANDS_HERE();
  for (;;) {
    if (!development_has_power()) contacts = 0;
    else scan_keys();
    receive();
    if (left() == 0) pass_time();
    else rest(left());
  }
}
