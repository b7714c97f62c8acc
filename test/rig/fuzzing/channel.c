/*
 * Target channel: commands in a secure channel that was opened with the card's keys. The card does nothing without a
 * right MAC, changes nothing below level 03, and its answers carry the MAC of their level.
 *
 *   start (1): situation and level; then commands: how, instruction, P1, P2, length, data
 *   how, bits 0-2: 0-2 protected; 3 with a wrong MAC; 4 its blocks not padded; 5 without secure messaging; 6 a channel
 *                  is opened anew, of the level that P1 picks; 7 the data is a whole command, as it is
 *        bit 3     the secrets of STORE DATA and the keys of PUT KEY are encrypted, with check values, as they must be
 *        bit 4     Le follows       bit 5     time passes afterwards: by its code, the last byte of the data
 *        bit 6     the interindustry class       bit 7     INS is taken literally; otherwise it selects a known one
 */
#include <string.h>

#include "fuzz.h"
#include "scp03.h"

enum { PROTECTED = 2, WRONG_MAC = 3, UNPADDED = 4, PLAIN = 5, OPENING = 6, WHOLE = 7 };
enum { HOW = 7, SEALED = 8, WITH_LE = 16, TIME_PASSES = 32, INTERINDUSTRY = 64, ANY_INS = 128 };
enum { STORE_DATA = 0xe2, PUT_KEY = 0xd8, MOST_DATA = 239, RECORD_SIZE = 161, SECRETS_AT = 49 };
/* PUT KEY in its two encodings; each of three blocks ends with a key, 03 and its check value. */
enum { LONG_KEYS = 70, SHORT_KEYS = 67, KEY_END = BLOCK + 1 + 3 };
enum { DONE = 0x9000, NOT_IN_THIS_CHANNEL = 0x6982, WRONG_SECURE_MESSAGING = 0x6988 };
enum { MOST_COMMANDS = 64, COMMAND_SIZE = 264 };

static const char *const names[] = {"blank", "seeded", "pin", "server-pin", "locked", "wrong-pin"};
static const uint8_t levels[] = {0x33, 0x03, 0x13, 0x01, 0x11};
static const uint8_t instructions[] = {0xca, 0xe2, 0xd8, 0x88, 0xf0, 0x24, 0x2c, 0x10, 0xa4, 0x50, 0x82};
enum { SITUATIONS = sizeof names / sizeof *names, LEVELS = sizeof levels, INSTRUCTIONS = sizeof instructions };

static const uint8_t host_challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};

typedef struct {
  scp03_t channel;
  /* Whether the card has the channel open, as far as the host can know. */
  bool open;
  keyset_t keys;
} session_t;

static session_t session;

static struct {
  snapshot_t snapshot;
  session_t session;
  uint32_t random;
} starts[SITUATIONS * LEVELS];

/* ---- exchanges ---- */

/* Sends a command. Waits if the card delays its answer. */
static void exchange(const uint8_t *command, size_t length) {
  enum { LONGEST_DELAY = 64000 };
  port.answers = 0;
  send_frame(0, command, length);
  if (port.answers == 0) call_tick(LONGEST_DELAY);
  demand(port.answers <= 1, "one answer to a command");
}

/* Opens a channel if the card lets it. */
static void open_channel(uint8_t level) {
  uint8_t command[HEADER_SIZE + 2 * MAC_SIZE] = {0x80, 0x50, 0, 0, 8};
  memcpy(command + HEADER_SIZE, host_challenge, 8);
  session.open = false;
  exchange(command, HEADER_SIZE + 8);
  if (answer_status() != DONE || port.answer_length != HELLO_SIZE + 2) return;
  const bool known = scp03_open(&session.channel, &session.keys, level, host_challenge, port.answer, command);
  demand(known, "the card has the keys that it was given");
  exchange(command, sizeof command);
  session.open = answer_status() == DONE;
}

static void start(void) {
  for (size_t i = 0; i < SITUATIONS * LEVELS; i++) {
    snapshot_restore(situation(names[i / LEVELS]));
    for (unsigned at = 0; at < sizeof session.keys; at++) ((uint8_t *)&session.keys)[at] = (uint8_t)(0x40 + at % BLOCK);
    open_channel(levels[i % LEVELS]);
    demand(session.open, "the card takes the channel of this harness");
    snapshot_take(&starts[i].snapshot);
    starts[i].session = session;
    starts[i].random = port.random;
  }
}

/* ---- what must hold ---- */

/* Whether docs/PROTOCOL.md has this status word. */
static bool is_status(uint32_t sw) {
  static const uint16_t all[] = {0x9000, 0x6300, 0x6581, 0x6700, 0x6982, 0x6983, 0x6984, 0x6985, 0x6988,
                                 0x6a80, 0x6a82, 0x6a86, 0x6a88, 0x6d00, 0x6e00};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (sw == all[i]) return true;
  }
  return (sw & 0xfff0) == 0x63c0 || (sw >= 0x6f01 && sw <= 0x6f03);
}

static bool is_warning(uint32_t sw) {
  return sw >> 8 == 0x63;
}

static bool has_pin(void) {
  for (size_t i = 0; i + PIN_SIZE <= port.answer_length; i++) {
    if (memcmp(port.answer + i, secrets.pin, PIN_SIZE) == 0) return true;
  }
  return false;
}

static void judge(uint32_t how, bool was_open) {
  const uint32_t sw = answer_status();
  const bool is_protected = how <= PROTECTED || how == UNPADDED;
  demand(sw == 0 || is_status(sw), "a status word of docs/PROTOCOL.md");
  demand(sw == DONE || is_warning(sw) || port.answer_length <= 2 || sw == 0, "an error carries nothing");
  if (how == WRONG_MAC) demand(sw != DONE && !is_warning(sw), "a wrong MAC does nothing");
  if (is_protected && !was_open) demand(sw != DONE && !is_warning(sw), "a channel that is closed does nothing");
  if (!is_protected || !was_open || (sw != DONE && !is_warning(sw))) return;
  if (session.channel.level & R_MAC) demand(scp03_verify(&session.channel, port.answer, port.answer_length), "R-MAC");
  else demand(!has_pin(), "no PIN leaves the card");
}

/* ---- commands ---- */

static bool is_put_key(uint8_t ins, size_t length) {
  return ins == PUT_KEY && (length == LONG_KEYS || length == SHORT_KEYS);
}

/* Key `index` in PUT KEY's `length` bytes of data. */
static uint8_t *key_in(uint8_t *data, size_t length, unsigned index) {
  return data + 1 + (index + 1) * ((length - 1) / 3) - KEY_END;
}

/* Encrypts the secrets of STORE DATA and PUT KEY under the DEK. */
static void seal(uint8_t ins, uint8_t *data, size_t length) {
  if (ins == STORE_DATA && length == RECORD_SIZE) cbc_encrypt(session.keys.dek, data + SECRETS_AT, length - SECRETS_AT);
  for (unsigned i = 0; is_put_key(ins, length) && i < 3; i++) {
    uint8_t *const key = key_in(data, length, i);
    key_check_value(key, key + BLOCK + 1);
    cbc_encrypt(session.keys.dek, key, BLOCK);
  }
}

/* The keys in a PUT KEY that was encrypted by seal(). */
static keyset_t keys_in(uint8_t *data, size_t length) {
  keyset_t keys;
  memcpy(keys.enc, key_in(data, length, 0), BLOCK);
  memcpy(keys.mac, key_in(data, length, 1), BLOCK);
  memcpy(keys.dek, key_in(data, length, 2), BLOCK);
  return keys;
}

static void send_protected(uint8_t *command, size_t length, uint32_t flags) {
  const uint32_t how = flags & HOW;
  const bool was_open = session.open;
  size_t size = scp03_wrap(&session.channel, command, length, how == UNPADDED);
  if (how == WRONG_MAC) command[size - 1] ^= 0x40;
  if (flags & WITH_LE) command[size++] = 0;
  exchange(command, size);
  judge(how, was_open);
  if (answer_status() == WRONG_SECURE_MESSAGING) session.open = false;
}

/* A command outside the channel closes it, if the card knows the command. */
static void send_bare(const uint8_t *command, size_t size) {
  exchange(command, size);
  judge(PLAIN, false);
  const uint32_t sw = answer_status();
  if (sw == DONE || sw == NOT_IN_THIS_CHANNEL || sw == WRONG_SECURE_MESSAGING) session.open = false;
}

static void send_plain(uint8_t *command, size_t length, uint32_t flags) {
  size_t size = length ? HEADER_SIZE + length : HEADER_SIZE - 1;
  command[0] = flags & INTERINDUSTRY ? 0x00 : 0x80;
  command[4] = (uint8_t)length;
  if (flags & WITH_LE) command[size++] = 0;
  send_bare(command, size);
}

static void carry_out(uint8_t *command, size_t length, uint32_t flags) {
  const uint32_t how = flags & HOW;
  uint8_t *const data = command + HEADER_SIZE;
  if (how == OPENING) return open_channel(levels[command[2] % LEVELS]);
  if (how == WHOLE) return send_bare(data, length);
  if (how == PLAIN) return send_plain(command, length, flags);
  const bool brings_keys = flags & SEALED && is_put_key(command[1], length);
  const keyset_t fresh = brings_keys ? keys_in(data, length) : session.keys;
  if (flags & SEALED) seal(command[1], data, length);
  command[0] = flags & INTERINDUSTRY ? 0x04 : 0x84;
  send_protected(command, length, flags);
  if (answer_status() == DONE) session.keys = fresh;
}

/* Whether a correct command may change the flash. */
static bool may_change(uint32_t how) {
  return (how <= PROTECTED || how == UNPADDED) && session.open && session.channel.level & C_DECRYPTION;
}

static void run_command(input_t *input) {
  uint8_t command[COMMAND_SIZE + BLOCK] = {0}, kept[PORT_FLASH_SIZE];
  const uint8_t flags = input_byte(input);
  const uint8_t ins = input_byte(input);
  command[1] = flags & ANY_INS ? ins : instructions[ins % INSTRUCTIONS];
  command[2] = input_byte(input);
  command[3] = input_byte(input);
  size_t length = 0;
  for (size_t left = input_byte(input) % (MOST_DATA - BLOCK); left && !input_ended(input); left--) {
    command[HEADER_SIZE + length++] = input_byte(input);
  }
  const uint8_t code = length ? command[HEADER_SIZE + length - 1] : 0;
  const bool changes = may_change(flags & HOW);
  memcpy(kept, port.flash.bytes, sizeof kept);
  carry_out(command, length, flags);
  const bool same = memcmp(kept, port.flash.bytes, sizeof kept) == 0;
  demand(changes || same, "I13 only a right command of level 03 changes flash");
  if (flags & TIME_PASSES) call_tick(time_of(code));
  if (card_state() == STATE_OFF) session.open = false;
}

static void run(const uint8_t *bytes, size_t length) {
  input_t input = {bytes, bytes + length};
  const size_t which = input_byte(&input) % (SITUATIONS * LEVELS);
  snapshot_restore(&starts[which].snapshot);
  session = starts[which].session;
  port.random = starts[which].random;
  for (unsigned i = 0; i < MOST_COMMANDS && !input_ended(&input); i++) run_command(&input);
}

const target_t channel_target = {"channel", start, run, NULL};
