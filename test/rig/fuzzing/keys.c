/*
 * Target keys: contacts, with bounce, and the time between. Without the right PIN no try is given back and nothing
 * opens.
 *
 *   situation (1), then pairs: what, code
 *   what: contact 0-11 (bits 0-3) and bits 4-5: opens, closes, is tapped, is held; then time passes (code 0: none)
 *         12 the battery is 16 * code mV; 13 the random source fails (odd code) or works; 14 a hello on the serial
 *         line; 15 a contact that does not exist, or a long time
 */
#include <string.h>

#include "fuzz.h"

enum { BATTERY = 12, RANDOM = 13, HELLO = 14, OTHER = 15, OPENS = 0, CLOSES = 1, TAPPED = 2, HELD = 3 };
enum { LONGEST_SHIFT = 23 };

static const struct {
  const char *name;
  /* Whether a right PIN or unlock code was already entered, or the server checks the PIN. */
  bool open;
} starts[] = {
  {"off", false},       {"pin", false},       {"challenge", true}, {"new-pin", true},     {"repeat-pin", true},
  {"locked", false},    {"unlock", false},    {"unlocked", true},  {"blocked", false},    {"server-pin", true},
  {"last-try", false},  {"full-page", false}, {"response", true},  {"clock-wraps", true}, {"blank", true},
  {"seeded", true},     {"test", true},       {"weak-pin", true},  {"last-code", false},  {"low-battery", false},
};
enum { STARTS = sizeof starts / sizeof *starts };

static const snapshot_t *snapshots[STARTS];

/* What the harness knows about the PIN in this input. */
static struct {
  bool open;
  /* The number of digits of the right PIN that were typed in order, whatever came between them. */
  uint32_t typed;
  uint32_t tries;
} known;

static void start(void) {
  for (size_t i = 0; i < STARTS; i++) snapshots[i] = situation(starts[i].name);
}

static void judge_pin(void) {
  const uint32_t tries = card_tries();
  const uint32_t state = card_state();
  if (known.open || known.typed == PIN_SIZE) return;
  demand(state < STATE_CHALLENGE || state > STATE_PIN_SET, "I4 only the right PIN opens the card");
  if (tries == CARD_NEVER) return;
  demand(tries <= known.tries, "I2 only the right PIN gives tries back");
  known.tries = tries;
}

static void watch(uint32_t key) {
  if (known.typed < PIN_SIZE && key + '0' == secrets.pin[known.typed]) known.typed++;
}

static void move(uint32_t key, uint32_t how) {
  if (how != OPENS) watch(key);
  if (how == TAPPED) tap(key);
  else if (how == HELD) hold(key);
  else call_key(key, how == CLOSES);
}

static void act(uint8_t what, uint8_t code) {
  const uint32_t contact = what & 15u, how = what >> 4 & 3u;
  if (contact < CONTACTS) move(contact, how);
  else if (contact == BATTERY) port.battery = 16u * code;
  else if (contact == RANDOM) port.random_fails = code & 1;
  else if (contact == HELLO) send_frame(0, NULL, 0);
  else if (how == OPENS) call_tick((uint32_t)code << LONGEST_SHIFT);
  else call_key(code | (uint32_t)how << 30, true);
  if (contact < CONTACTS && code) call_tick(time_of(code));
}

static void run(const uint8_t *bytes, size_t length) {
  input_t input = {bytes, bytes + length};
  const size_t which = input_byte(&input) % STARTS;
  snapshot_restore(snapshots[which]);
  known.open = starts[which].open;
  known.typed = 0;
  known.tries = CARD_NEVER;
  while (!input_ended(&input)) {
    const uint8_t what = input_byte(&input);
    act(what, input_byte(&input));
    judge_pin();
  }
}

const target_t keys_target = {"keys", start, run, NULL};
