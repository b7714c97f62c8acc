/*
 * The micro:bit port with a wrong prescaler: its clock runs at half speed.
 */
#include "ports/microbit/nrf51.h"

#undef TIMER_PRESCALER
#define TIMER_PRESCALER REGISTER(0x40008510) = 5, ignored

static uint32_t ignored;

#include "ports/microbit/port.c"
