/*
 * The port to a Linux process: a pseudo-terminal is the serial line, a file is the flash. It has no keys and no screen,
 * but the front panel on channel 1.
 */
#define _GNU_SOURCE
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "development/development.h"
#include "flash.h"
#include "line.h"
#include "options.h"

#define SUPPLY 3000u
/* The stack that a call into the module may use here, in bytes. */
#define STACK 8192u

static struct timespec start;
static flash_t flash;
/* The descriptor of the flash: a file, or memory that survives a reset. */
static int kept = -1;

/* ---- start ---- */

static void write_through(uint32_t address, size_t length) {
  if (pwrite(kept, flash.bytes + address, length, address) != (ssize_t)length) {
    options_fail("cannot be written", options.flash ? options.flash : "flash");
  }
}

static int open_flash(void) {
  if (options.memory >= 0) return options.memory;
  if (!options.flash) return memfd_create("flash", 0);
  return open(options.flash, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

static void start_flash(void) {
  const char *const name = options.flash ? options.flash : "flash";
  struct stat about;
  kept = open_flash();
  if (kept < 0 || fstat(kept, &about)) options_fail("cannot be opened", name);
  if (about.st_size == 0) {
    flash_clear(&flash);
    write_through(0, PORT_FLASH_SIZE);
    return;
  }
  errno = 0;
  if (about.st_size != PORT_FLASH_SIZE) options_fail("is not a flash image of 4,096 bytes", name);
  if (pread(kept, flash.bytes, PORT_FLASH_SIZE, 0) != PORT_FLASH_SIZE) options_fail("cannot be read", name);
  flash_count(&flash);
}

void port_start(void) {
  options_read();
  clock_gettime(CLOCK_MONOTONIC, &start);
  start_flash();
  line_start();
}

/* ---- time ---- */

uint32_t port_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t nanoseconds = (int64_t)(now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec;
  return (uint32_t)(nanoseconds / 1000000);
}

void port_sleep(uint32_t ms) {
  line_wait(ms);
}

/* ---- keys, screen, supply ---- */

uint32_t port_keys(void) {
  return 0;
}

void port_display(const uint8_t *text) {
  (void)text;
}

uint32_t port_battery(void) {
  return SUPPLY;
}

void port_power(bool on) {
  (void)on;
}

/* ---- random ---- */

bool port_random(uint8_t *into, size_t length) {
  return getrandom(into, length, 0) == (ssize_t)length;
}

/* ---- flash ---- */

static void must_keep(const char *broken, uint32_t where) {
  if (!broken) return;
  fprintf(stderr, "dsc: flash misused at %u: %s\n", (unsigned)where, broken);
  abort();
}

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  memcpy(into, flash.bytes + address, length);
}

void port_flash_program(uint32_t address, uint32_t word) {
  const bool torn = !development_has_power();
  must_keep(flash_program(&flash, address, word, torn), address);
  write_through(address, 4);
}

void port_flash_erase(uint32_t page) {
  must_keep(flash_erase(&flash, page), page * PORT_FLASH_PAGE_SIZE);
  write_through(page * PORT_FLASH_PAGE_SIZE, PORT_FLASH_PAGE_SIZE);
}

/* ---- forgetting ---- */

__attribute__((noinline)) void port_forget(void) {
  uint8_t below[STACK];
  explicit_bzero(below, sizeof below);
}

void port_reset(void) {
  const int line = line_finish();
  explicit_bzero(&flash, sizeof flash);
  options_restart(line, options.flash ? -1 : kept);
}
