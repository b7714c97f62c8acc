/*
 * The functions that the harness of test/board/forgets.test.ts needs from its host.
 */
#ifndef DSC_FORGETS_H
#define DSC_FORGETS_H

#include <stdint.h>

/* What the module leaves behind. */
#define SECRET 0xa5c3965au

/*
Leaves the secret wherever a call may leave data: on the stack below the caller, and in the host's scratch registers.
*/
void forgets_leave(void);

/* Makes a call. Returns the number of places where it left the secret. */
uint32_t forgets_found_after(void (*call)(void));

/* Prints a line. */
void forgets_say(const char *name, uint32_t count);

void forgets_start(void);

#endif
