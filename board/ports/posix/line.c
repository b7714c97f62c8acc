/*
 * The serial line of the posix port. When it ends (end of stdin, a hangup, a signal), the process ends, as if the
 * battery were removed; nothing needs to be saved.
 */
#define _GNU_SOURCE
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "options.h"
#include "port.h"

enum { ROOM = 4096 };

static struct {
  int in, out;
  uint8_t received[ROOM];
  size_t at, end;
  uint8_t kept[ROOM];
  size_t length;
} line;

/* The original signal mask. It is active only while the process waits. */
static sigset_t waiting;

static void end(int signal) {
  (void)signal;
  _exit(EXIT_SUCCESS);
}

/* Signals end the process only while it waits, never inside a flash operation. */
static void catch_signals(void) {
  static const int ending[] = {SIGTERM, SIGINT, SIGHUP};
  const struct sigaction action = {.sa_handler = end};
  sigset_t blocked;
  sigemptyset(&blocked);
  sigprocmask(SIG_BLOCK, NULL, &waiting);
  for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
    sigaction(ending[i], &action, NULL);
    sigaddset(&blocked, ending[i]);
    sigdelset(&waiting, ending[i]);
  }
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGPIPE, SIG_IGN);
}

/* Returns whether `events` came on `descriptor` within `ms` (negative: without a limit). */
static bool await(int descriptor, short events, int ms) {
  struct pollfd one = {.fd = descriptor, .events = events};
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  return ppoll(&one, 1, ms < 0 ? NULL : &time, &waiting) > 0;
}

/* ---- opening ---- */

/* The process also keeps the other side open, so that a program that opens and closes it causes no hangup. */
static int open_pty(void) {
  const int line_end = posix_openpt(O_RDWR | O_NOCTTY);
  if (line_end < 0 || grantpt(line_end) || unlockpt(line_end)) options_fail("cannot be opened", "pseudo-terminal");
  const char *const name = ptsname(line_end);
  const int other_end = open(name, O_RDWR | O_NOCTTY);
  struct termios settings;
  if (other_end < 0 || tcgetattr(other_end, &settings)) options_fail("cannot be opened", name);
  cfmakeraw(&settings);
  if (tcsetattr(other_end, TCSANOW, &settings)) options_fail("cannot be made raw", name);
  printf("{\"pty\":\"%s\"}\n", name);
  fflush(stdout);
  return line_end;
}

void line_start(void) {
  catch_signals();
  if (options.stdio) {
    line.in = STDIN_FILENO;
    line.out = STDOUT_FILENO;
    return;
  }
  line.in = line.out = options.line >= 0 ? options.line : open_pty();
}

/* ---- bytes ---- */

static void flush(void) {
  size_t sent = 0;
  while (sent < line.length) {
    if (!await(line.out, POLLOUT, -1)) continue;
    const ssize_t count = write(line.out, line.kept + sent, line.length - sent);
    if (count > 0) sent += (size_t)count;
    else if (errno != EAGAIN && errno != EINTR) exit(EXIT_SUCCESS);
  }
  memset(line.kept, 0, line.length);
  line.length = 0;
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (line.length == ROOM) flush();
    line.kept[line.length++] = bytes[i];
  }
}

/* Reads the bytes that wait on the line. */
static void fill(void) {
  memset(line.received, 0, line.end);
  line.at = line.end = 0;
  if (!await(line.in, POLLIN, 0)) return;
  const ssize_t count = read(line.in, line.received, ROOM);
  if (count > 0) line.end = (size_t)count;
  else if (count == 0 || (errno != EAGAIN && errno != EINTR)) exit(EXIT_SUCCESS);
}

int port_receive(void) {
  if (line.at == line.end) {
    flush();
    fill();
  }
  return line.at == line.end ? -1 : line.received[line.at++];
}

void line_wait(uint32_t ms) {
  if (line.at != line.end) return;
  flush();
  await(line.in, POLLIN, (int)ms);
}

int line_finish(void) {
  flush();
  return line.in;
}
