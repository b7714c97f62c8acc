/* The chip's interrupts, each with its handler, by its number: */
#include "cortexm/start.h"

INTERRUPT_VECTORS = {
    [0] = 0,
};
