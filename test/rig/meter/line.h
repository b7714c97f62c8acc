/* A meter's serial line and its clock, without interrupts, because nothing else may run during a measurement. */
#ifndef DSC_METER_LINE_H
#define DSC_METER_LINE_H

#include <stddef.h>
#include <stdint.h>

void line_start(void);

/* Waits for them; words are little-endian. */
uint8_t line_byte(void);
uint32_t line_word(void);

void line_send(const void *bytes, size_t length);

/* Ticks of 62.5 ns since the last request began. */
uint32_t line_ticks(void);

/*
The operation of the next request. Restarts the clock, because QEMU's timer no longer compares after it has wrapped.
*/
uint8_t line_request(void);

#endif
