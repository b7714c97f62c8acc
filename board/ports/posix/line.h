/*
 * The serial line of the posix port, on a pseudo-terminal or on stdin and stdout.
 */
#ifndef DSC_POSIX_LINE_H
#define DSC_POSIX_LINE_H

#include <stdint.h>

/* Opens the line, or takes the descriptor that an earlier start left. */
void line_start(void);

/* Waits for a byte, at most `ms`. */
void line_wait(uint32_t ms);

/* Sends the buffered bytes. Returns the descriptor for the next start. */
int line_finish(void);

#endif
