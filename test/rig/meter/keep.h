/* Saves whole cards in unused flash, by number, and restores them. They survive a reset of the chip. */
#ifndef DSC_METER_KEEP_H
#define DSC_METER_KEEP_H

#include <stdint.h>

#define KEEP_PLACES 8u

/* Keeps memory, flash and view of the card, and one word more. */
void keep_save(uint32_t place, uint32_t extra);

/* Restores a saved card. Returns its extra word. */
uint32_t keep_restore(uint32_t place);

/* A digest of memory and flash now. */
uint32_t keep_digest(void);

#endif
