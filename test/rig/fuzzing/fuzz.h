/*
 * The card under fuzzing: the compiled module in this process, its port in memory, and what must hold after each call.
 * A target (serial.c, channel.c, keys.c, image.c) turns an input of libFuzzer into calls.
 */
#ifndef DSC_FUZZ_H
#define DSC_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "card.h"
#include "ports/posix/flash.h"
#include "wasm-rt.h"

/* For slow functions that are not under test. */
#define QUICK __attribute__((no_sanitize("address", "undefined")))

typedef struct {
  const char *name;
  /* Called once, after the situations were read. */
  void (*start)(void);
  void (*run)(const uint8_t *input, size_t length);
  /* Repairs a mutated input, in at most `most` bytes. Returns its length. NULL if inputs need no repair. */
  size_t (*mend)(uint8_t *input, size_t length, size_t most, uint32_t seed);
} target_t;

extern const target_t serial_target, channel_target, keys_target, image_target;

/* ---- the card ---- */

/* The states, as firmware/wire.ts numbers them. */
enum {
  STATE_OFF = 0,
  STATE_BATT_LOW = 1,
  STATE_ERROR = 2,
  STATE_NO_KEY = 3,
  STATE_PIN = 4,
  STATE_CHALLENGE = 6,
  STATE_RESPONSE = 7,
  STATE_PIN_SET = 12,
  STATE_LOCKED = 13,
  STATE_LOCK_CODE = 14,
  STATE_UNLOCK = 15,
  STATE_BLOCKED = 17,
  STATE_SERIAL = 18,
  STATE_TEST = 19,
};

enum { ROOT_SIZE = 16, KEY_SIZE = 32, PIN_SIZE = 4, RESPONSE_SIZE = 8, CHALLENGE_SIZE = 6 };

/*
The secrets of every personalized card here. The card checks its PIN, unless the situation's name begins with "server".
*/
typedef struct {
  uint8_t key[KEY_SIZE];
  uint8_t unlock_key[KEY_SIZE];
  uint8_t pin[PIN_SIZE];
  uint8_t challenge[CHALLENGE_SIZE];
  uint8_t response[RESPONSE_SIZE];
} secrets_t;

extern secrets_t secrets;

typedef struct {
  uint8_t memory[WASM_RT_MEMORY_SIZE];
  flash_t flash;
  card_view_t view;
  /* The bytes at the place of the root secret in each page. */
  uint8_t roots[PORT_FLASH_PAGES][ROOT_SIZE];
} snapshot_t;

/* The snapshot that was restored last. */
extern const snapshot_t *beginning;

/* Reads the file of situations, which test/evidence/fuzzing/situations.ts writes. */
void situations_read(const char *file);

/* The situation of this name. */
const snapshot_t *situation(const char *name);

void snapshot_take(snapshot_t *to);

/* Restores the card, with a full battery and the random source at its start. */
void snapshot_restore(const snapshot_t *from);

/* The calls, each judged. `closes` and `ms` may have any value. */
void call_key(uint32_t key, bool closes);
void call_tick(uint32_t ms);
void call_serial(uint8_t byte);

/* What people do: tap a key, hold a key, send a frame. */
void tap(uint32_t key);
void hold(uint32_t key);
void send_frame(uint8_t channel, const uint8_t *payload, size_t length);

/* Called after an input: checks what must hold of a card that is off. */
void judge_end(void);

/* ---- its port ---- */

enum { ANSWER_SIZE = 264, FULL_BATTERY = 3000, OK = 10, PRESS = 11, CONTACTS = 12 };

typedef struct {
  flash_t flash;
  uint32_t battery;
  bool random_fails;
  uint32_t random;
  /* Words programmed and pages erased since the input began. */
  uint32_t operations;
  /* The last payload that the card sent on channel 0, and the number of payloads since `answers` was set to 0. */
  uint8_t answer[ANSWER_SIZE];
  size_t answer_length;
  uint32_t answers;
} port_t;

extern port_t port;

/* Forgets a frame that the card has begun to send. */
void port_drop_frame(void);

/* The status word of the last answer, or 0 if it has none. */
uint32_t answer_status(void);

uint16_t crc16(const uint8_t *bytes, size_t length);

/* ---- the pages of its flash ---- */

enum { NO_LIFE = 0, BLANK = 1, SEEDED = 2, PERSONALIZED = 3 };

/* The check value of a record of `length` bytes at `offset` of a page. */
uint32_t page_check(const uint8_t *page, uint32_t offset, uint32_t length);

/* The life in the current page; NO_LIFE if there is no such page. */
uint8_t life_in_flash(void);

/* ---- what must hold ---- */

/* Ends the process if a promise is broken, so that libFuzzer keeps the input. */
void demand(bool holds, const char *promise);

/* A call into the card: the time that passes in it (ms), and whether it delivers a byte of the serial line. */
typedef struct {
  uint32_t ms;
  bool serial;
} call_t;

/* Called when an input begins: later calls are compared with the card as it is now. */
void invariants_begin(void);

/* Called if a page got its check values from the target: its lock code may be one that the card never draws. */
void invariants_forged(void);

/* Called before a byte reaches the card. */
void invariants_byte(uint8_t byte);

/* Checks the invariants after a call that returned `due`. */
void invariants_after(const call_t *call, uint32_t due);

/* Demands that bytes which left the card hold no secret. */
void demand_public(const uint8_t *bytes, size_t length);

/* ---- inputs ---- */

/* Bytes of an input, one after the other; zeros after its end. */
typedef struct {
  const uint8_t *at, *end;
} input_t;

static inline bool input_ended(const input_t *input) {
  return input->at == input->end;
}

static inline uint8_t input_byte(input_t *input) {
  return input_ended(input) ? 0 : *input->at++;
}

/* A code for 1 ms to 524 s. */
static inline uint32_t time_of(uint8_t code) {
  return ((code & 15u) + 1) << (code >> 4);
}

#endif
