/*
 * What the harness of test/board/forgets.test.ts asks of the host that it runs on.
 */
#ifndef DSC_FORGETS_H
#define DSC_FORGETS_H

#include <stdint.h>

/* What the module leaves behind. */
#define SECRET 0xa5c3965au

/* Leaves it wherever a call may leave something: on the stack below the caller, and in the host's scratch registers. */
void forgets_leave(void);

/* Makes a call, and returns in how many places it left the secret. */
uint32_t forgets_found_after(void (*call)(void));

/* Says a line. */
void forgets_say(const char *name, uint32_t count);

void forgets_start(void);

#endif
