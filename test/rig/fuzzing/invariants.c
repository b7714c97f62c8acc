/*
 * The named invariants of docs/INVARIANTS.md, checked after each call into the card, from what a host sees: the state,
 * the screen, the time until something is due, tries, battery, flash, and what was sent and answered. I2 and I13 are
 * checked by the targets that know the PIN and the channel (keys.c, channel.c), I10 by the port (port.c).
 */
#include <string.h>

#include "fuzz.h"
#include "slip.h"

enum {
  LOWEST_BATTERY = 2100,
  IDLE = 30000,
  RESPONSE_TIME = 60000,
  PHONE_CALL = 300000,
  /* A card cannot turn off and on again in a call shorter than this, because turning on takes a hold of 800 ms. */
  SHORT_CALL = 700,
  SECURE_MESSAGING = 0x04,
};
enum { SELECT = 0xa4, GET_DATA = 0xca, UNKNOWN_CLASS = 0x6e00, WRONG_LENGTH = 0x6700, ERRORS = 0x6f };

/* The card as the last call left it. */
static struct {
  uint32_t state;
  uint8_t text[PORT_SCREEN_WIDTH];
  /* CARD_NEVER before the first call returned it. */
  uint32_t due;
  uint32_t operations;
  uint8_t life;
  bool life_known;
} before;

/* Whether the card began with a page that it did not write. */
static bool forged;

/* In ms since the input began: the time now, and the time when a response was first seen. */
static uint64_t now, response_since;

/* The incoming frame: channel, CLA, INS, its number of bytes, and whether the last byte ended it. */
static struct {
  uint8_t bytes[3];
  size_t length;
  bool escaped, ended;
  uint32_t answers;
} line;

static void remember(uint32_t state, uint32_t due) {
  before.state = state;
  before.due = due;
  before.operations = port.operations;
  memcpy(before.text, card_view.text, sizeof before.text);
}

void invariants_begin(void) {
  memset(&line, 0, sizeof line);
  now = response_since = 0;
  before.life_known = false;
  forged = false;
  remember(card_state(), CARD_NEVER);
}

void invariants_forged(void) {
  forged = true;
}

void invariants_byte(uint8_t byte) {
  line.answers = port.answers;
  if (line.ended) line.length = 0;
  line.ended = byte == SLIP_END;
  if (line.ended || (byte == SLIP_ESC && !line.escaped)) {
    line.escaped = !line.ended;
    return;
  }
  if (line.escaped) byte = byte == SLIP_ESC_END ? SLIP_END : SLIP_ESC;
  line.escaped = false;
  if (line.length < sizeof line.bytes) line.bytes[line.length] = byte;
  line.length++;
}

/* ---- what is seen ---- */

/* Whether the screen shows `pattern`, where '#' is any digit and spaces follow. */
static bool shows(const uint8_t *text, const char *pattern) {
  const size_t length = strlen(pattern);
  for (size_t i = 0; i < PORT_SCREEN_WIDTH; i++) {
    const char wanted = i < length ? pattern[i] : ' ';
    if (wanted == '#' ? text[i] < '0' || text[i] > '9' : text[i] != wanted) return false;
  }
  return true;
}

static bool shows_one_of(const char *const *patterns, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (shows(card_view.text, patterns[i])) return true;
  }
  return false;
}

/* The life in the current page; read again only after flash was written. */
static uint8_t life(void) {
  if (!before.life_known || before.operations != port.operations) before.life = life_in_flash();
  before.life_known = true;
  return before.life;
}

static bool is_open(uint32_t state) {
  return state >= STATE_CHALLENGE && state <= STATE_PIN_SET;
}

/* Whether nothing was entered, open or shown before the call. */
static bool was_bare(void) {
  switch (before.state) {
    case STATE_NO_KEY:
    case STATE_LOCKED:
    case STATE_BLOCKED:
    case STATE_ERROR:
    case STATE_TEST:
      return true;
    default:
      return shows(before.text, "PIN>");
  }
}

static bool is_command(void) {
  enum { CHANNEL_AND_CRC = 3 };
  return line.ended && line.length > CHANNEL_AND_CRC && line.bytes[0] == 0;
}

static bool is_for_any_card(void) {
  const uint8_t cla = line.bytes[1], ins = line.bytes[2];
  return (cla & SECURE_MESSAGING) == 0 && (ins == SELECT || ins == GET_DATA);
}

/* ---- the invariants ---- */

static void judge_life(void) {
  static const char *const texts[] = {"", "NO KEY", "SERIAL", "********", "TEST ##", "BATT LOW", "ERROR 0#"};
  if (life() != BLANK && life() != SEEDED) return;
  const bool one = shows_one_of(texts, sizeof texts / sizeof *texts);
  demand(one, "I1 a card that is not personalized shows no screen of a personalized one");
}

static void judge_opening(uint32_t state) {
  static const char *const firsts[] = {"NO KEY", "BLOCKED", "LOCKED", "PIN>", "BATT LOW", "ERROR 0#"};
  const bool opens = is_open(state) && !is_open(before.state);
  demand(!opens || before.state == STATE_PIN || before.state == STATE_UNLOCK, "I4 only PIN> and UNLOCK> open the card");
  if (before.state != STATE_OFF || state == STATE_OFF || state == STATE_SERIAL || state == STATE_TEST) return;
  const bool first = shows_one_of(firsts, sizeof firsts / sizeof *firsts);
  demand(first, "I4 a card that was off shows nothing entered or opened");
}

static void judge_times(uint32_t state, uint32_t due) {
  if (state == STATE_RESPONSE && before.state != STATE_RESPONSE) response_since = now;
  const bool in_time = state != STATE_RESPONSE || now + due - response_since <= RESPONSE_TIME;
  demand(in_time, "I5 a response stands at most 60 s");
  const uint32_t longest = state == STATE_LOCK_CODE || state == STATE_UNLOCK ? PHONE_CALL
                           : state == STATE_RESPONSE                         ? RESPONSE_TIME
                                                                             : IDLE;
  demand(state == STATE_OFF || due <= longest, "I12 a card that is on turns off in its time");
}

/* Only a command in a channel, or a key of the front panel (channel 1), may keep the card on. */
static void judge_deadline(const call_t *call, uint32_t state, uint32_t due) {
  const bool secured = state == STATE_SERIAL && line.bytes[1] & SECURE_MESSAGING;
  const bool vouched = line.ended && (line.bytes[0] != 0 || secured);
  if (!call->serial || vouched || state == STATE_OFF || state != before.state || was_bare()) return;
  demand(due <= before.due, "I6 a frame that anybody may send keeps no card on that shows something");
}

static void judge_error(const call_t *call, uint32_t state) {
  const bool writes = port.operations != before.operations;
  const bool was_error = before.state == STATE_ERROR;
  const bool stays = state == STATE_ERROR || state == STATE_OFF;
  if (was_error && call->ms < SHORT_CALL) demand(!writes && stays, "I7 an ERROR card writes nothing and stays one");
  if (state != STATE_ERROR || (!was_error && before.state != STATE_OFF)) return;
  if (!call->serial || port.answers == line.answers || !is_command() || is_for_any_card()) return;
  const uint32_t sw = answer_status();
  const bool refused = sw >> 8 == ERRORS || sw == UNKNOWN_CLASS || sw == WRONG_LENGTH;
  demand(refused, "I7 an ERROR card refuses all but SELECT and GET DATA");
}

/* Within one call the card may turn off and on again; then it shows NO KEY, BATT LOW or ERROR. */
static void judge_no_key(const call_t *call, uint32_t state) {
  if (before.state != STATE_NO_KEY || call->serial) return;
  demand(state <= STATE_NO_KEY, "I9 NO KEY has no successor but off");
}

static void judge_lock_code(uint32_t state) {
  uint32_t code = 0;
  if (forged || state != STATE_LOCK_CODE || before.state == STATE_LOCK_CODE) return;
  for (size_t i = 0; i < PORT_SCREEN_WIDTH; i++) code = 10 * code + (card_view.text[i] - '0');
  demand(code % 16 != 0, "I15 a lock code is never a multiple of 16");
}

/* Counting slots takes time, so tries are judged only if they may have changed. */
static void judge_tries(uint32_t state) {
  if (state != STATE_PIN && state != STATE_CHALLENGE && state != STATE_RESPONSE) return;
  if (state == before.state && port.operations == before.operations) return;
  demand(card_tries() != 0, "I16 without tries there is no PIN>, no CHALLNG> and no response");
}

void invariants_after(const call_t *call, uint32_t due) {
  const uint32_t state = card_state();
  now += call->ms;
  const bool writes = port.operations != before.operations;
  demand(!writes || port.battery >= LOWEST_BATTERY, "I14 below 2,100 mV nothing is written");
  demand(card_view.on == (state != STATE_OFF), "I11 the host is told of on and off");
  demand(state != STATE_OFF || shows(card_view.text, ""), "I11 a card that is off is dark");
  judge_life();
  judge_opening(state);
  judge_times(state, due);
  judge_deadline(call, state, due);
  judge_error(call, state);
  judge_no_key(call, state);
  judge_lock_code(state);
  judge_tries(state);
  remember(state, due);
}
