/* Keeps cards in the chip's flash, between the image and the card's own flash. */
#include "keep.h"

#include <string.h>

#include "card.h"
#include "ports/microbit/nrf51.h"
#include "wasm-rt.h"

#define PAGE PORT_FLASH_PAGE_SIZE
#define CARD_FLASH (0x40000u - PORT_FLASH_SIZE)

/* A place: the module's memory, the card's flash, a page with the rest. */
#define FLASH_AT WASM_RT_MEMORY_SIZE
#define REST_AT (FLASH_AT + PORT_FLASH_SIZE)
#define PLACE_SIZE (REST_AT + PAGE)
#define PLACES_AT (CARD_FLASH - KEEP_PLACES * PLACE_SIZE)
_Static_assert(PLACES_AT >= 48 * 1024, "behind the image");

typedef struct {
  card_view_t view;
  uint32_t extra;
} rest_t;
_Static_assert(sizeof(rest_t) % 4 == 0, "whole words");

static uint8_t *at(uint32_t address) {
  return (uint8_t *)address;
}

static uint32_t start_of(uint32_t place) {
  return PLACES_AT + place % KEEP_PLACES * PLACE_SIZE;
}

/* The word at an aligned address, whatever type is there. */
static uint32_t word_at(const void *address) {
  uint32_t word;
  memcpy(&word, __builtin_assume_aligned(address, 4), 4);
  return word;
}

static void program(uint32_t to, const void *from, uint32_t length) {
  NVMC_CONFIG = NVMC_WRITE;
  for (uint32_t i = 0; i < length; i += 4) {
    const uint32_t word = word_at((const uint8_t *)from + i);
    if (word != 0xffffffffu) REGISTER(to + i) = word;
  }
  NVMC_CONFIG = NVMC_READ_ONLY;
}

static void erase(uint32_t page) {
  NVMC_CONFIG = NVMC_ERASE;
  NVMC_ERASEPAGE = page;
  NVMC_CONFIG = NVMC_READ_ONLY;
}

/* Copies only pages that differ, because most never do. */
static void copy(uint32_t to, const void *from, uint32_t length) {
  const uint8_t *source = from;
  for (uint32_t end = to + length; to < end; to += PAGE, source += PAGE) {
    if (memcmp(at(to), source, PAGE) == 0) continue;
    erase(to);
    program(to, source, PAGE);
  }
}

void keep_save(uint32_t place, uint32_t extra) {
  const uint32_t start = start_of(place);
  const rest_t rest = {card_view, extra};
  copy(start, wasm_rt_memory, WASM_RT_MEMORY_SIZE);
  copy(start + FLASH_AT, at(CARD_FLASH), PORT_FLASH_SIZE);
  erase(start + REST_AT);
  program(start + REST_AT, &rest, sizeof rest);
}

uint32_t keep_restore(uint32_t place) {
  const uint32_t start = start_of(place);
  rest_t rest;
  memcpy(wasm_rt_memory, at(start), WASM_RT_MEMORY_SIZE);
  copy(CARD_FLASH, at(start + FLASH_AT), PORT_FLASH_SIZE);
  memcpy(&rest, at(start + REST_AT), sizeof rest);
  card_view = rest.view;
  return rest.extra;
}

/* FNV-1a, by words. */
static uint32_t digest(uint32_t hash, const uint8_t *from, uint32_t length) {
  for (uint32_t i = 0; i < length; i += 4) hash = (hash ^ word_at(from + i)) * 16777619u;
  return hash;
}

uint32_t keep_digest(void) {
  const uint32_t memory = digest(2166136261u, wasm_rt_memory, WASM_RT_MEMORY_SIZE);
  return digest(memory, at(CARD_FLASH), PORT_FLASH_SIZE);
}
