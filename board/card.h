/*
 * The card in its host: the module's instance, called one export at a time, and what it last showed.
 */
#ifndef DSC_CARD_H
#define DSC_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

/* What the exports return where nothing will happen by itself. */
#define CARD_NEVER 0x7fffffffu

/* What can be seen of the card. */
typedef struct {
  bool on;
  uint8_t text[PORT_SCREEN_WIDTH];
} card_view_t;

extern card_view_t card_view;

/* A battery was put in: fresh memory, nothing remembered but flash. */
void card_boot(void);

/* Power is gone: memory and screen are wiped. */
void card_die(void);

/* As the exports of docs/ABI.md. The first three return the ms in which the card wants to be called again. */
uint32_t card_key(uint32_t key, bool closed);
uint32_t card_tick(uint32_t ms);
uint32_t card_serial(uint8_t byte);
uint32_t card_state(void);
uint32_t card_tries(void);

/* The memory of a call that is given up, for whoever gives it up: PORT_FLASH_PAGE_SIZE bytes at least. */
uint8_t *card_scratch(void);

#endif
