/*
 * Calls into the card, and the conditions that must hold after each call.
 */
#include <string.h>

#include "fuzz.h"
#include "slip.h"

enum {
  TAP = 80,
  HOLD = 1000,
  UP = 40,
  /* This many bytes of a secret in a row are no coincidence. */
  WINDOW = 6,
};

/* ---- secrets ---- */

/* Reads six bytes as a number. Sanitizers and libFuzzer instrument memcmp, but not this. */
QUICK static uint64_t window_at(const uint8_t *bytes) {
  uint64_t window = 0;
  for (unsigned i = 0; i < WINDOW; i++) window |= (uint64_t)bytes[i] << 8 * i;
  return window;
}

QUICK static bool has(const uint8_t *bytes, size_t length, const uint8_t *secret, size_t size) {
  bool begins[256] = {false};
  for (size_t at = 0; at + WINDOW <= size; at++) begins[secret[at]] = true;
  for (size_t i = 0; i + WINDOW <= length; i++) {
    if (!begins[bytes[i]]) continue;
    const uint64_t window = window_at(bytes + i);
    for (size_t at = 0; at + WINDOW <= size; at++) {
      if (window == window_at(secret + at)) return true;
    }
  }
  return false;
}

/* Whether the bytes hold a root secret that was in flash when the input began. */
static bool has_root(const uint8_t *bytes, size_t length) {
  const uint64_t erased = 0xffffffffffff;
  for (uint32_t page = 0; page < PORT_FLASH_PAGES; page++) {
    const uint8_t *const root = beginning->roots[page];
    if (window_at(root) == erased || window_at(root) == 0) continue;
    if (has(bytes, length, root, ROOT_SIZE)) return true;
  }
  return false;
}

static bool has_key(const uint8_t *bytes, size_t length) {
  return has(bytes, length, secrets.key, KEY_SIZE) || has(bytes, length, secrets.unlock_key, KEY_SIZE);
}

void demand_public(const uint8_t *bytes, size_t length) {
  demand(!has_key(bytes, length), "no key leaves the card");
  demand(!has_root(bytes, length), "no root secret leaves the card");
}

void judge_end(void) {
  if (card_state() != STATE_OFF) return;
  demand(!has_key(wasm_rt_memory, WASM_RT_MEMORY_SIZE), "a card that is off holds no key");
}

/* ---- calls ---- */

static bool shows_ascii(void) {
  for (size_t i = 0; i < PORT_SCREEN_WIDTH; i++) {
    if (card_view.text[i] < ' ' || card_view.text[i] > '~') return false;
  }
  return true;
}

static void judge(const call_t *call, uint32_t due) {
  demand(card_state() <= STATE_TEST, "the state is one of those that there are");
  demand(shows_ascii(), "the screen shows ASCII");
  demand(due > 0 && due <= CARD_NEVER, "nothing is left that was due");
  invariants_after(call, due);
}

void call_key(uint32_t key, bool closes) {
  judge(&(call_t){.ms = 0, .serial = false}, card_key(key, closes));
}

void call_tick(uint32_t ms) {
  judge(&(call_t){.ms = ms, .serial = false}, card_tick(ms));
}

void call_serial(uint8_t byte) {
  invariants_byte(byte);
  judge(&(call_t){.ms = 0, .serial = true}, card_serial(byte));
}

void tap(uint32_t key) {
  call_key(key, true);
  call_tick(TAP);
  call_key(key, false);
  call_tick(UP);
}

void hold(uint32_t key) {
  call_key(key, true);
  call_tick(HOLD);
  call_key(key, false);
  call_tick(UP);
}

static void send_escaped(uint8_t byte) {
  if (byte != SLIP_END && byte != SLIP_ESC) return call_serial(byte);
  call_serial(SLIP_ESC);
  call_serial(byte == SLIP_ESC ? SLIP_ESC_ESC : SLIP_ESC_END);
}

void send_frame(uint8_t channel, const uint8_t *payload, size_t length) {
  uint8_t body[ANSWER_SIZE] = {channel};
  if (length) memcpy(body + 1, payload, length);
  const uint16_t crc = crc16(body, 1 + length);
  body[1 + length] = (uint8_t)(crc >> 8);
  body[2 + length] = (uint8_t)crc;
  call_serial(SLIP_END);
  for (size_t i = 0; i < length + 3; i++) send_escaped(body[i]);
  call_serial(SLIP_END);
}
