/*
 * What stands in for flash and random source of a chip that has none, or whose port does not reach them yet: for
 * development images only.
 */
#ifndef DSC_STANDINS_H
#define DSC_STANDINS_H

#include "development/development.h"

#if !DEVELOPMENT
#error "flash and random numbers of this port are made up: no production image is built with them"
#endif

/* Makes the card's flash blank where nothing is kept in it yet. Called by port_start. */
void standin_flash_start(void);

#endif
