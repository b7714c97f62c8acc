/*
 * NOR flash in memory: programming clears bits, once between erases and once more with zero.
 */
#include "flash.h"

#include <string.h>

#define ERASED 0xffffffffu

static uint32_t word_at(const flash_t *flash, uint32_t address) {
  const uint8_t *const at = flash->bytes + address;
  return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void put_word(flash_t *flash, uint32_t address, uint32_t word) {
  for (uint32_t i = 0; i < 4; i++) flash->bytes[address + i] = (uint8_t)(word >> 8 * i);
}

void flash_clear(flash_t *flash) {
  memset(flash->bytes, 0xff, sizeof flash->bytes);
  memset(flash->programs, 0, sizeof flash->programs);
}

void flash_count(flash_t *flash) {
  for (uint32_t i = 0; i < PORT_FLASH_SIZE / 4; i++) {
    const uint32_t word = word_at(flash, 4 * i);
    flash->programs[i] = word == ERASED ? 0 : word == 0 ? 2 : 1;
  }
}

const char *flash_program(flash_t *flash, uint32_t address, uint32_t word, bool torn) {
  if (address % 4 != 0 || address >= PORT_FLASH_SIZE) return "the address is not a word of the flash";
  uint8_t *const programs = &flash->programs[address / 4];
  const uint32_t old = word_at(flash, address);
  put_word(flash, address, old & word);
  if (torn) {
    if (*programs == 0) *programs = 1;
    return NULL;
  }
  if (*programs > 1 || (*programs == 1 && word != 0)) return "the word was programmed before";
  (*programs)++;
  return (old & word) == word ? NULL : "a bit is set without an erase";
}

const char *flash_erase(flash_t *flash, uint32_t page) {
  if (page >= PORT_FLASH_PAGES) return "the flash has no such page";
  memset(flash->bytes + page * PORT_FLASH_PAGE_SIZE, 0xff, PORT_FLASH_PAGE_SIZE);
  memset(flash->programs + page * PORT_FLASH_PAGE_SIZE / 4, 0, PORT_FLASH_PAGE_SIZE / 4);
  return NULL;
}
