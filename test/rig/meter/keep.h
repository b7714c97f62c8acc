/* Whole cards, kept under numbers in flash that nobody else uses, and brought back: they outlive a reset of the chip. */
#ifndef DSC_METER_KEEP_H
#define DSC_METER_KEEP_H

#include <stdint.h>

#define KEEP_PLACES 8u

/* Keeps memory, flash and view of the card, and one word more. */
void keep_save(uint32_t place, uint32_t extra);

/* The card as it was kept. Returns the word. */
uint32_t keep_restore(uint32_t place);

/* A number that tells what memory and flash hold now. */
uint32_t keep_digest(void);

#endif
