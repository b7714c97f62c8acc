/*
 * The options of the process, and the descriptors that it passes on when it restarts.
 */
#ifndef DSC_POSIX_OPTIONS_H
#define DSC_POSIX_OPTIONS_H

#include <stdbool.h>

typedef struct {
  /* The serial line is on stdin and stdout. */
  bool stdio;
  /* The file that keeps the flash, or NULL. */
  const char *flash;
  /* Descriptors that an earlier start opened, or -1. */
  int line, memory;
} options_t;

extern options_t options;

/* Reads the command line. A wrong one ends the process. */
void options_read(void);

/* Restarts this program. Of its state only these two descriptors survive. */
_Noreturn void options_restart(int line, int memory);

/* Ends the process with a line on stderr. */
_Noreturn void options_fail(const char *what, const char *name);

#endif
