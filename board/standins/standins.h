/*
 * Stand-ins for the flash and the random source of a chip that has none, or whose port cannot use them yet. For
 * development images only.
 */
#ifndef DSC_STANDINS_H
#define DSC_STANDINS_H

#include "development/development.h"

#if !DEVELOPMENT
#error "flash and random numbers of this port are made up: no production image is built with them"
#endif

/* Makes the card's flash blank unless it is in use. Called by port_start. */
void standin_flash_start(void);

#endif
