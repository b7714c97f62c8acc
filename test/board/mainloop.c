/*
 * The main loop around a card that waits for nothing, on a port whose contact 3 moves once in fifty days. Prints the
 * longest time that the card was told in one call, and the sum of all, in ms. The stack must be wiped right before each
 * sleep.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "card.h"

#define DAY 86400000u
#define DAYS 50u

card_view_t card_view;
static uint64_t now, told;
static uint32_t longest;
static bool is_wiped;

void card_boot(void) {}

uint32_t card_tick(uint32_t ms) {
  is_wiped = false;
  told += ms;
  if (ms > longest) longest = ms;
  return CARD_NEVER;
}

uint32_t card_key(uint32_t key, bool closed) {
  printf("%" PRIu32 " %d %" PRIu32 " %" PRIu64 "\n", key, closed, longest, told);
  exit(EXIT_SUCCESS);
}

uint32_t card_serial(uint8_t byte) {
  (void)byte;
  return CARD_NEVER;
}

void port_start(void) {}

void port_forget(void) {
  is_wiped = true;
}

uint32_t port_clock(void) {
  is_wiped = false;
  return (uint32_t)now;
}

/* Wakes early if the contact moves. */
void port_sleep(uint32_t ms) {
  if (!is_wiped) exit(EXIT_FAILURE);
  const uint64_t rest = (uint64_t)DAYS * DAY - now;
  now += ms < rest ? ms : rest;
}

uint32_t port_keys(void) {
  is_wiped = false;
  return now >= (uint64_t)DAYS * DAY ? 1u << 3 : 0;
}

int port_receive(void) {
  return -1;
}
