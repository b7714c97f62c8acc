/*
 * The situations in which inputs begin: a card's memory and flash as the simulator left them.
 *
 *   secrets of the cards, then for each situation: name (16), memory (4096), flash (4096), on (1), text (8)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { NAME_SIZE = 16, MOST = 32 };

enum { ROOT_AT = 0x48 };

secrets_t secrets;
const snapshot_t *beginning;

static struct {
  char name[NAME_SIZE];
  snapshot_t snapshot;
} situations[MOST];
static size_t count;

static void fail(const char *what, const char *name) {
  fprintf(stderr, "fuzz: %s: %s\n", name, what);
  exit(EXIT_FAILURE);
}

static void note_roots(snapshot_t *of) {
  for (uint32_t page = 0; page < PORT_FLASH_PAGES; page++) {
    memcpy(of->roots[page], of->flash.bytes + page * PORT_FLASH_PAGE_SIZE + ROOT_AT, ROOT_SIZE);
  }
}

static bool read_one(FILE *file) {
  uint8_t on = 0;
  snapshot_t *const to = &situations[count].snapshot;
  if (fread(situations[count].name, NAME_SIZE, 1, file) != 1) return false;
  const bool whole = fread(to->memory, sizeof to->memory, 1, file) == 1 &&
                     fread(to->flash.bytes, sizeof to->flash.bytes, 1, file) == 1 && fread(&on, 1, 1, file) == 1 &&
                     fread(to->view.text, sizeof to->view.text, 1, file) == 1;
  if (!whole) fail("ends early", situations[count].name);
  to->view.on = on != 0;
  flash_count(&to->flash);
  note_roots(to);
  return true;
}

void situations_read(const char *name) {
  FILE *const file = fopen(name, "rb");
  if (!file || fread(&secrets, sizeof secrets, 1, file) != 1) fail("cannot be read", name);
  while (count < MOST && read_one(file)) count++;
  fclose(file);
}

const snapshot_t *situation(const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strncmp(situations[i].name, name, NAME_SIZE) == 0) return &situations[i].snapshot;
  }
  fail("no such situation", name);
  abort();
}

void snapshot_take(snapshot_t *to) {
  memcpy(to->memory, wasm_rt_memory, sizeof to->memory);
  to->flash = port.flash;
  to->view = card_view;
  note_roots(to);
}

void snapshot_restore(const snapshot_t *from) {
  memcpy(wasm_rt_memory, from->memory, sizeof from->memory);
  card_view = from->view;
  port.flash = from->flash;
  port.battery = FULL_BATTERY;
  port.random_fails = false;
  port.random = 1;
  port.operations = 0;
  port.answers = 0;
  port.answer_length = 0;
  port_drop_frame();
  beginning = from;
  invariants_begin();
}
