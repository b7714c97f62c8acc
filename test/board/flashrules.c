/*
 * Tests the rules of board/ports/posix/flash.c one by one: prints for each operation of a short history the rule that
 * it broke.
 */
#include <stdio.h>

#include "ports/posix/flash.h"

static flash_t flash;

static void told(const char *what, const char *broken) {
  printf("%s: %s\n", what, broken ? broken : "done");
}

static void program(const char *what, uint32_t address, uint32_t word, bool torn) {
  told(what, flash_program(&flash, address, word, torn));
}

int main(void) {
  flash_clear(&flash);
  program("first", 0, 0x12345678, false);
  program("same again", 0, 0x12345678, false);
  program("to zero", 0, 0, false);
  program("to zero again", 0, 0, false);
  told("erase", flash_erase(&flash, 0));
  program("after the erase", 0, 0xffff0000, false);
  program("torn zeroing", 0, 0xff0f0000, true);
  program("zeroing after that", 0, 0, false);
  program("torn first", 4, 0x00ffffff, true);
  program("a bit back", 4, 0xffffffff, false);
  program("no word", 2, 0, false);
  program("outside", PORT_FLASH_SIZE, 0, false);
  told("no page", flash_erase(&flash, PORT_FLASH_PAGES));
  flash.bytes[8] = 0;
  for (int i = 12; i < 16; i++) flash.bytes[i] = 0;
  flash_count(&flash);
  program("counted as programmed", 8, 0x12345600, false);
  program("counted as zeroed", 12, 0, false);
  program("counted as erased", 16, 1, false);
  return 0;
}
