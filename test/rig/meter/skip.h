/* One instruction left out: the fault that a glitch on supply or clock makes. */
#ifndef DSC_METER_SKIP_H
#define DSC_METER_SKIP_H

#include <stdint.h>

/* The instruction that is next after so many ticks is left out; 0: none is. */
void skip_arm(uint32_t ticks);

/* Ends it. Returns the address of the instruction that was left out, or 0. */
uint32_t skip_disarm(void);

#endif
