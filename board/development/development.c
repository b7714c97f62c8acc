/*
 * Commands of development images, on channel 1 (docs/PROTOCOL.md, "Development"): the firmware ignores their frames as
 * noise. They do the same as the simulator's commands: time jumps, power cuts, a battery, a repeatable random source.
 * So every host can run the same scenario with the same result.
 */
#include "development.h"

#include <string.h>

#include "card.h"
#include "port.h"
#include "slip.h"

#define CHANNEL 1u
/* Every command: channel, operation, a number (4), a flag, CRC-16. */
#define SIZE 9u

enum {
  PASS = 0x80,
  BATTERY = 0x81,
  SEED = 0x82,
  CUT_AT = 0x83,
  BLANK = 0x84,
  STATUS = 0x85,
  RELEASE = 0x86,
  TRAP = 0x87,
};

/* xoshiro128** (Blackman and Vigna), seeded by SplitMix32: the same numbers as the simulator's. */
typedef struct {
  uint32_t a, b, c, d;
} random_t;

jmp_buf development_cut;

static struct {
  uint8_t frame[SIZE];
  uint8_t length;
  bool escaped, spoilt;
} line;

static struct {
  bool holds_time, has_battery, is_seeded, torn, was_cut;
  bool pulled;
  /* The command being carried out, or 0. It is answered even if power fails during it. */
  uint8_t command;
  uint32_t battery;
  uint32_t operations;
  /* Flash operations until the cut, or 0 if none is armed. */
  uint32_t until_cut;
  random_t random, torn_bits;
} control;

/* ---- repeatable random numbers ---- */

static uint32_t rotl(uint32_t x, unsigned n) {
  return x << n | x >> (32 - n);
}

static uint32_t split_mix(uint32_t *state) {
  uint32_t z = *state += 0x9e3779b9u;
  z = (z ^ z >> 16) * 0x85ebca6bu;
  z = (z ^ z >> 13) * 0xc2b2ae35u;
  return z ^ z >> 16;
}

static void seed(random_t *random, uint32_t number) {
  uint32_t state = number ? number : 0x9e3779b9u;
  random->a = split_mix(&state);
  random->b = split_mix(&state);
  random->c = split_mix(&state);
  random->d = split_mix(&state);
}

static uint32_t next(random_t *random) {
  const uint32_t result = rotl(random->b * 5, 7) * 9;
  const uint32_t shifted = random->b << 9;
  random->c ^= random->a;
  random->d ^= random->b;
  random->b ^= random->c;
  random->a ^= random->d;
  random->c ^= shifted;
  random->d = rotl(random->d, 11);
  return result;
}

bool development_random(uint8_t *into, size_t length) {
  if (!control.is_seeded) return false;
  for (size_t i = 0; i < length; i += 4) {
    const uint32_t word = next(&control.random);
    for (size_t j = i; j < length && j < i + 4; j++) into[j] = (uint8_t)(word >> 8 * (j - i));
  }
  return true;
}

/* ---- battery and power cuts ---- */

/* Without power nothing falls due. */
bool development_holds_time(void) {
  return control.holds_time || control.pulled;
}

bool development_has_power(void) {
  return !control.pulled;
}

uint32_t development_battery(uint32_t (*measured)(void)) {
  return control.has_battery ? control.battery : measured();
}

static _Noreturn void cut(void) {
  longjmp(development_cut, 1);
}

/* Whether power fails inside this operation. Does not return if it fails before the operation. */
static bool is_cut(void) {
  const bool now = control.until_cut == 1;
  if (control.until_cut) control.until_cut--;
  /* Set before the operation, since a port whose flash counts programs must know. */
  if (now) control.pulled = control.was_cut = true;
  if (now && !control.torn) cut();
  control.operations++;
  return now;
}

void development_before_program(uint32_t address, uint32_t word) {
  if (!is_cut()) return;
  port_flash_program(address, word | next(&control.torn_bits));
  cut();
}

/* An interrupted erase may leave any of the cleared bits cleared. The buffer is the memory of the abandoned call. */
void development_before_erase(uint32_t page) {
  if (!is_cut()) return;
  uint8_t *const before = card_scratch();
  const uint32_t start = page * PORT_FLASH_PAGE_SIZE;
  port_flash_read(start, before, PORT_FLASH_PAGE_SIZE);
  port_flash_erase(page);
  for (uint32_t at = 0; at < PORT_FLASH_PAGE_SIZE; at += 4) {
    uint32_t word;
    memcpy(&word, before + at, sizeof word);
    word |= next(&control.torn_bits);
    if (word != 0xffffffffu) port_flash_program(start + at, word);
  }
  cut();
}

/* ---- commands ---- */

/* CRC-32C, since records in flash end with their own CRC-32, and a CRC-32 over both does not depend on the record. */
static uint32_t crc32c_of_flash(void) {
  uint32_t crc = 0xffffffffu;
  for (uint32_t at = 0; at < PORT_FLASH_SIZE; at++) {
    uint8_t byte;
    port_flash_read(at, &byte, 1);
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static uint8_t *put32(uint8_t *at, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = (uint8_t)(value >> shift);
  return at;
}

static uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void send_escaped(uint8_t byte) {
  const uint8_t escaped[2] = {SLIP_ESC, byte == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC};
  if (byte == SLIP_END || byte == SLIP_ESC) port_send(escaped, 2);
  else port_send(&byte, 1);
}

static void send_frame(const uint8_t *payload, size_t length) {
  static const uint8_t end = SLIP_END;
  uint32_t crc = crc16_add(CRC16_START, CHANNEL);
  port_send(&end, 1);
  send_escaped(CHANNEL);
  for (size_t i = 0; i < length; i++) {
    crc = crc16_add(crc, payload[i]);
    send_escaped(payload[i]);
  }
  send_escaped((uint8_t)(crc >> 8));
  send_escaped((uint8_t)crc);
  port_send(&end, 1);
}

/* Answers the command with the visible state of the card; STATUS adds operations and CRC of the flash. */
static void answer(uint32_t due) {
  uint8_t payload[26] = {control.command, !control.pulled, control.was_cut, card_view.on, (uint8_t)card_state()};
  control.was_cut = false;
  memcpy(payload + 5, card_view.text, PORT_SCREEN_WIDTH);
  uint8_t *at = put32(payload + 5 + PORT_SCREEN_WIDTH, due);
  if (control.command == STATUS) at = put32(put32(at, control.operations), crc32c_of_flash());
  send_frame(payload, (size_t)(at - payload));
  control.command = 0;
}

void development_land(void) {
  card_die();
  memset(&line, 0, sizeof line);
  if (control.command) answer(CARD_NEVER);
}

static void pass(uint32_t ms, uint32_t *due) {
  uint32_t left = ms;
  control.holds_time = true;
  while (!control.pulled && *due <= left) {
    left -= *due;
    *due = card_tick(*due);
  }
  if (!control.pulled && left > 0) *due = card_tick(left);
}

/* Removes or inserts the battery. */
static void set_power(bool power, uint32_t *due) {
  if (power != control.pulled) return;
  control.pulled = !power;
  *due = CARD_NEVER;
  if (power) card_boot();
  else card_die();
}

static void set_battery(uint32_t millivolts, uint32_t *due) {
  control.has_battery = true;
  control.battery = millivolts;
  set_power(millivolts != 0, due);
}

/* A factory-new card, with the measured battery, since the commanded battery may be removed. */
static void make_blank(uint32_t *due) {
  for (uint32_t page = 0; page < PORT_FLASH_PAGES; page++) port_flash_erase(page);
  control.operations = 0;
  control.until_cut = 0;
  control.has_battery = false;
  set_power(false, due);
  set_power(true, due);
}

/* Returns clock, battery and random source to the hardware. */
static void release(uint32_t *due) {
  control.holds_time = control.has_battery = control.is_seeded = false;
  control.until_cut = 0;
  set_power(true, due);
}

static void carry_out(const uint8_t *payload, uint32_t *due) {
  const uint32_t number = get32(payload + 1);
  control.command = payload[0];
  switch (payload[0]) {
    case PASS:
      pass(number, due);
      break;
    case BATTERY:
      set_battery(number, due);
      break;
    case SEED:
      seed(&control.random, number);
      seed(&control.torn_bits, ~number);
      control.is_seeded = true;
      break;
    case CUT_AT:
      control.until_cut = number;
      control.torn = payload[5] != 0;
      break;
    case BLANK:
      make_blank(due);
      break;
    case RELEASE:
      release(due);
      break;
    case TRAP:
      port_reset();
    case STATUS:
      break;
    default:
      control.command = 0;
      return;
  }
  answer(*due);
}

static void complete(uint32_t *due) {
  uint32_t crc = CRC16_START;
  for (uint32_t i = 0; i < line.length; i++) crc = crc16_add(crc, line.frame[i]);
  const bool intact = !line.spoilt && !line.escaped && line.length == SIZE && crc == 0;
  if (intact && line.frame[0] == CHANNEL) carry_out(line.frame + 1, due);
}

static void add(uint8_t byte) {
  if (line.length == SIZE) line.spoilt = true;
  else line.frame[line.length++] = byte;
}

void development_receive(uint8_t byte, uint32_t *due) {
  if (byte == SLIP_END) {
    complete(due);
    memset(&line, 0, sizeof line);
  } else if (line.escaped) {
    line.escaped = false;
    line.spoilt |= byte != SLIP_ESC_END && byte != SLIP_ESC_ESC;
    add(byte == SLIP_ESC_END ? SLIP_END : SLIP_ESC);
  } else if (byte == SLIP_ESC) {
    line.escaped = true;
  } else {
    add(byte);
  }
}
