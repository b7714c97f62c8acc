/*
 * dsc [--stdio] [--flash FILE]: the command line of the card as a process.
 */
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Environment variables with descriptors for the restarted process. */
#define LINE "DSC_LINE"
#define MEMORY "DSC_MEMORY"

enum { USAGE = 2, MOST_BYTES = 8192, MOST_ARGUMENTS = 16 };

options_t options = {.line = -1, .memory = -1};

static char command_line[MOST_BYTES];
static char *arguments[MOST_ARGUMENTS + 1];

void options_fail(const char *what, const char *name) {
  if (errno) fprintf(stderr, "dsc: %s: %s (%s)\n", name, what, strerror(errno));
  else fprintf(stderr, "dsc: %s: %s\n", name, what);
  exit(USAGE);
}

/* The main loop, common to all ports, takes no arguments, so read them from /proc. */
static void split_command_line(void) {
  const int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t length = file < 0 ? -1 : read(file, command_line, MOST_BYTES - 1);
  if (length < 0) options_fail("cannot be read", "/proc/self/cmdline");
  close(file);
  size_t count = 0;
  for (char *at = command_line; at < command_line + length && count < MOST_ARGUMENTS; at += strlen(at) + 1) {
    arguments[count++] = at;
  }
}

static int descriptor(const char *name) {
  const char *const text = getenv(name);
  return text ? atoi(text) : -1;
}

void options_read(void) {
  split_command_line();
  for (char **at = arguments + 1; *at; at++) {
    errno = 0;
    if (strcmp(*at, "--stdio") == 0) options.stdio = true;
    else if (strcmp(*at, "--flash") == 0 && at[1]) options.flash = *++at;
    else options_fail("dsc [--stdio] [--flash FILE]", *at);
  }
  options.line = descriptor(LINE);
  options.memory = descriptor(MEMORY);
}

static void hand_on(const char *name, int number) {
  char text[16];
  snprintf(text, sizeof text, "%d", number);
  setenv(name, text, 1);
}

void options_restart(int line, int memory) {
  hand_on(LINE, line);
  hand_on(MEMORY, memory);
  execv("/proc/self/exe", arguments);
  options_fail("cannot be restarted", arguments[0]);
}
