/*
 * The card's calls with a module that leaves a secret behind in each of its exports. Prints the number of places with
 * the secret if nothing is wiped, then the number after each call, and at the end what is left of the module after the
 * card has died.
 */
#include <string.h>

#include "card.h"
#include "dsc.h"
#include "forgets.h"

static Z_dsc_instance_t *module;
/* Bytes that a fresh module found in its memory, and on the screen. */
static uint32_t found;

static uint32_t count_set(const void *from, uint32_t size) {
  const uint8_t *const bytes = from;
  uint32_t count = 0;
  for (uint32_t i = 0; i < size; i++) count += bytes[i] != 0;
  return count;
}

static uint32_t count_shown(void) {
  uint32_t count = card_view.on;
  for (uint32_t i = 0; i < PORT_SCREEN_WIDTH; i++) count += card_view.text[i] != ' ';
  return count;
}

/* ---- the module ---- */

static u32 leave(Z_dsc_instance_t *instance) {
  module = instance;
  forgets_leave();
  return CARD_NEVER;
}

void Z_dsc_init_module(void) {}

void Z_dsc_instantiate(Z_dsc_instance_t *instance, struct Z_host_instance_t *host) {
  (void)host;
  found = count_set(wasm_rt_memory, WASM_RT_MEMORY_SIZE) + count_set(instance, sizeof *instance) + count_shown();
  memset(instance, 0xff, sizeof *instance);
}

void Z_dscZ_boot(Z_dsc_instance_t *instance) {
  memset(wasm_rt_memory, 0xff, WASM_RT_MEMORY_SIZE);
  leave(instance);
}

u32 Z_dscZ_key(Z_dsc_instance_t *instance, u32 key, u32 closed) {
  return (void)key, (void)closed, leave(instance);
}

u32 Z_dscZ_tick(Z_dsc_instance_t *instance, u32 ms) {
  return (void)ms, leave(instance);
}

u32 Z_dscZ_serial(Z_dsc_instance_t *instance, u32 byte) {
  return (void)byte, leave(instance);
}

u32 Z_dscZ_state(Z_dsc_instance_t *instance) {
  return leave(instance);
}

u32 Z_dscZ_tries(Z_dsc_instance_t *instance) {
  return leave(instance);
}

/* ---- the port, where it may leave something too ---- */

void port_display(const uint8_t *text) {
  (void)text;
  forgets_leave();
}

/* ---- the calls ---- */

static void key(void) { card_key(3, true); }
static void tick(void) { card_tick(5); }
static void serial(void) { card_serial(0xc0); }
static void state(void) { card_state(); }
static void tries(void) { card_tries(); }

static const struct {
  const char *name;
  void (*call)(void);
} CALLS[] = {
    {"nothing wiped", forgets_leave},
    {"boot", card_boot},
    {"key", key},
    {"tick", tick},
    {"serial", serial},
    {"state", state},
    {"tries", tries},
    {"die", card_die},
};

/* Turns on a card with text on its screen. Its memory has been full since it booted. */
static void turn_on(void) {
  card_boot();
  card_view.on = true;
  memset(card_view.text, '8', sizeof card_view.text);
}

int main(void) {
  forgets_start();
  for (uint32_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
    forgets_say(CALLS[i].name, forgets_found_after(CALLS[i].call));
  }
  turn_on();
  card_boot();
  forgets_say("booted: found", found);
  turn_on();
  card_die();
  forgets_say("dead: memory", count_set(wasm_rt_memory, WASM_RT_MEMORY_SIZE));
  forgets_say("dead: instance", count_set(module, sizeof *module));
  forgets_say("dead: view", count_shown());
  forgets_say("end", 0);
  return 0;
}
