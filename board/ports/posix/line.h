/*
 * The serial line of the posix port, on a pseudo-terminal or on stdin and stdout.
 */
#ifndef DSC_POSIX_LINE_H
#define DSC_POSIX_LINE_H

#include <stdint.h>

/* Opens it, or takes the descriptor that an earlier start left. */
void line_start(void);

/* Waits for a byte, at most `ms`. */
void line_wait(uint32_t ms);

/* Sends what was kept back; returns the descriptor to hand on. */
int line_finish(void);

#endif
