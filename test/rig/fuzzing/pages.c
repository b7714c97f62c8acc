/*
 * The pages of the flash, as docs/FLASH.md describes them, read without the firmware.
 */
#include "fuzz.h"

enum { MAGIC = 0x31435344, SEQUENCE_AT = 4, LIFE_AT = 8, HEAD_SIZE = 0x44 };

#define ERASED 0xffffffffu

QUICK static uint32_t word_at(const uint8_t *at) {
  return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

QUICK static uint32_t crc32(uint32_t seed, const uint8_t *bytes, size_t length) {
  uint32_t crc = ~seed;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (unsigned bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

uint32_t page_check(const uint8_t *page, uint32_t offset, uint32_t length) {
  return crc32(word_at(page + SEQUENCE_AT) ^ offset << 16, page + offset, length);
}

static bool is_committed(const uint8_t *page) {
  const uint32_t commit = word_at(page + HEAD_SIZE);
  return word_at(page) == MAGIC && commit != ERASED && commit == page_check(page, 0, HEAD_SIZE);
}

uint8_t life_in_flash(void) {
  uint32_t newest = 0;
  uint8_t life = NO_LIFE;
  for (uint32_t i = 0; i < PORT_FLASH_PAGES; i++) {
    const uint8_t *const page = port.flash.bytes + i * PORT_FLASH_PAGE_SIZE;
    const uint32_t sequence = word_at(page + SEQUENCE_AT);
    if (sequence <= newest || !is_committed(page)) continue;
    newest = sequence;
    life = page[LIFE_AT];
  }
  return life;
}
