/* Skips one instruction: the fault that a glitch on supply or clock causes. */
#ifndef DSC_METER_SKIP_H
#define DSC_METER_SKIP_H

#include <stdint.h>

/* Skips the next instruction after this many ticks; 0: skips none. */
void skip_arm(uint32_t ticks);

/* Ends the skip. Returns the address of the skipped instruction, or 0. */
uint32_t skip_disarm(void);

#endif
