/*
 * Target flash: whatever flash holds when the battery goes in, the card starts or shows ERROR, and only the right PIN
 * opens it.
 *
 *   image (1), flags (1), then edits: offset (2, high byte first), length, bytes
 *   flags: bit n: correct the check values of page n; bit 4: enter a wrong PIN first; bit 5: power stays low
 *   high bits of an offset: 8000 one byte fills the length; 4000 the edit only clears bits;
 *                           2000 a page is copied: from page `length` bits 0-1 to page bits 2-3
 */
#include <string.h>

#include "fuzz.h"

enum { PAGE = PORT_FLASH_PAGE_SIZE, FILLS = 0x8000, CLEARS = 0x4000, COPIES = 0x2000 };
enum { WRONG_FIRST = 0x10, LOW_POWER = 0x20, LOW_BATTERY = 2200, MESSAGE = 1000, CHECKED = 0x0f };

static const struct {
  const char *name;
  bool any_pin;
} images[] = {
  {"off", false},        {"blank-off", false},  {"server-off", true}, {"locked-off", false}, {"wipe-torn", false},
  {"commit-torn", false}, {"first-torn", false}, {"full-off", false},  {"seeded-off", false}, {"fab", false},
};
enum { IMAGES = sizeof images / sizeof *images };

static const snapshot_t *snapshots[IMAGES];

static void start(void) {
  for (size_t i = 0; i < IMAGES; i++) snapshots[i] = situation(images[i].name);
}

/* ---- the image ---- */

static void check_record(uint8_t *page, uint32_t offset, uint32_t length) {
  const uint32_t check = page_check(page, offset, length);
  for (unsigned i = 0; i < 4; i++) page[offset + length + i] = (uint8_t)(check >> 8 * i);
}

/* The records of docs/FLASH.md. */
static void check_page(uint8_t *page) {
  check_record(page, 0x000, 0x44);
  check_record(page, 0x048, 0x10);
  check_record(page, 0x05c, 0x30);
  check_record(page, 0x090, 0x74);
  check_record(page, 0x108, 0x74);
}

static void edit(input_t *input) {
  uint8_t *const flash = port.flash.bytes;
  const uint32_t high = input_byte(input);
  const uint32_t where = high << 8 | input_byte(input);
  const uint8_t length = input_byte(input);
  if (where & COPIES) {
    memmove(flash + (length >> 2 & 3u) * PAGE, flash + (length & 3u) * PAGE, PAGE);
    return;
  }
  const uint8_t fill = where & FILLS ? input_byte(input) : 0;
  for (uint32_t i = 0; i < length; i++) {
    uint8_t *const at = &flash[(where + i) % PORT_FLASH_SIZE];
    const uint8_t byte = where & FILLS ? fill : input_byte(input);
    *at = where & CLEARS ? *at & byte : byte;
  }
}

/* ---- what is done with it ---- */

static void type(const uint8_t *digits, size_t length) {
  for (size_t i = 0; i < length; i++) tap(digits[i] - '0');
  tap(OK);
}

static void log_in(bool wrong_first, bool any_pin) {
  static const uint8_t wrong_pin[PIN_SIZE] = {'8', '8', '8', '8'};
  if (wrong_first) {
    type(wrong_pin, PIN_SIZE);
    demand(card_state() != STATE_CHALLENGE || any_pin, "a wrong PIN opens nothing");
    tap(OK);
  }
  if (card_state() == STATE_PIN) type(secrets.pin, PIN_SIZE);
}

/* The response must be that of the card's token key; and of its suite too, if no check value was forged. */
static void respond(bool forged) {
  type(secrets.challenge, CHALLENGE_SIZE);
  if (forged || card_state() != STATE_RESPONSE) return;
  demand(memcmp(card_view.text, secrets.response, RESPONSE_SIZE) == 0, "the response is that of the card's key");
}

/* The life must be a known one. The status omits it with an error, and only then. */
static void judge_status(void) {
  enum { STATUS_SIZE = 10, ERROR_AT = 7, NOT_TOLD = 0xff };
  if (port.answers == 0 || port.answer_length != STATUS_SIZE + 2) return;
  const uint8_t life = port.answer[0];
  const bool told = life >= 1 && life <= PERSONALIZED;
  demand(port.answer[ERROR_AT] ? life == NOT_TOLD : told, "the status tells a life or an error");
}

static void ask(void) {
  static const uint8_t status[] = {0x80, 0xca, 0xdf, 0x20}, self_test[] = {0x80, 0x10, 0x04, 0x00};
  static const uint8_t tags[][2] = {{0x00, 0x45}, {0xdf, 0x21}, {0xdf, 0x22}, {0xdf, 0x24}, {0x00, 0xe0}};
  send_frame(0, NULL, 0);
  port.answers = 0;
  send_frame(0, status, sizeof status);
  judge_status();
  for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
    const uint8_t command[] = {0x80, 0xca, tags[i][0], tags[i][1]};
    send_frame(0, command, sizeof command);
  }
  send_frame(0, self_test, sizeof self_test);
}

static void run(const uint8_t *bytes, size_t length) {
  input_t input = {bytes, bytes + length};
  const size_t which = input_byte(&input) % IMAGES;
  const uint8_t flags = input_byte(&input);
  snapshot_restore(snapshots[which]);
  while (!input_ended(&input)) edit(&input);
  for (uint32_t page = 0; page < PORT_FLASH_PAGES; page++) {
    if (flags >> page & 1) check_page(port.flash.bytes + page * PAGE);
  }
  if (flags & CHECKED) invariants_forged();
  flash_count(&port.flash);
  if (flags & LOW_POWER) port.battery = LOW_BATTERY;
  hold(PRESS);
  if (flags & LOW_POWER) call_tick(MESSAGE);
  if (card_state() == STATE_PIN) log_in(flags & WRONG_FIRST, images[which].any_pin);
  if (card_state() == STATE_CHALLENGE) respond((flags & CHECKED) != 0 || images[which].any_pin);
  ask();
  if (card_state() != STATE_OFF) hold(PRESS);
}

const target_t image_target = {"flash", start, run, NULL};
