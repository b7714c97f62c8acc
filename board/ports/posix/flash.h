/*
 * NOR flash in memory, with the rules of real flash. It needs no other part of the port, so a harness with its own port
 * can use it.
 */
#ifndef DSC_POSIX_FLASH_H
#define DSC_POSIX_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

typedef struct {
  uint8_t bytes[PORT_FLASH_SIZE];
  /* How often each word was programmed since its page was erased. */
  uint8_t programs[PORT_FLASH_SIZE / 4];
} flash_t;

/* Makes the flash blank. */
void flash_clear(flash_t *flash);

/* Sets the counts of programs after the bytes were filled in: 0 for an erased word, 2 for zero, 1 for any other. */
void flash_count(flash_t *flash);

/*
 * Programs a word. If power fails inside (`torn`), the word may be programmed again. Returns the broken rule, or NULL.
 */
const char *flash_program(flash_t *flash, uint32_t address, uint32_t word, bool torn);

/* Erases a page. Returns the broken rule, or NULL. */
const char *flash_erase(flash_t *flash, uint32_t page);

#endif
