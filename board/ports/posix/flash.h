/*
 * NOR flash in memory, with the rules that a real one has. It needs no other part of the port: a harness that brings
 * its own port can have its flash here.
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

/* Makes it blank. */
void flash_clear(flash_t *flash);

/* Counts the programs of bytes that were filled in: none of an erased word, two of zero, one of any other. */
void flash_count(flash_t *flash);

/* Programs a word. Where power fails in it (`torn`) it may be programmed again. Returns the rule it broke, or NULL. */
const char *flash_program(flash_t *flash, uint32_t address, uint32_t word, bool torn);

/* Erases a page. Returns the rule it broke, or NULL. */
const char *flash_erase(flash_t *flash, uint32_t page);

#endif
