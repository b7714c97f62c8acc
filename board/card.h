/*
 * The card for the rest of the host: calls the module's exports, one at a time, and keeps the last screen.
 */
#ifndef DSC_CARD_H
#define DSC_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

/* What the exports return if nothing will happen by itself. */
#define CARD_NEVER 0x7fffffffu

/* The visible state of the card. */
typedef struct {
  bool on;
  uint8_t text[PORT_SCREEN_WIDTH];
} card_view_t;

extern card_view_t card_view;

/* A battery was put in: fresh memory; the card remembers only its flash. */
void card_boot(void);

/* Power is gone: memory and screen are wiped. */
void card_die(void);

/* The exports of docs/ABI.md. The first three return the milliseconds until the next call is due. */
uint32_t card_key(uint32_t key, bool closed);
uint32_t card_tick(uint32_t ms);
uint32_t card_serial(uint8_t byte);
uint32_t card_state(void);
uint32_t card_tries(void);

/*
 * The module's memory, as a buffer for code that abandons a call into the module: at least PORT_FLASH_PAGE_SIZE bytes.
 */
uint8_t *card_scratch(void);

#endif
