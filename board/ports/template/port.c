/*
 * A port to begin with: it compiles and links for any Cortex-M, and does nothing yet. docs/PORTING.md fills it in, from
 * top to bottom; port.h says what each function promises.
 *
 * Flash in RAM, random numbers that are none and a supply that is always full stand in for the chip's own, so that the
 * card answers as soon as its serial line does. Each of them has to go; no production image is built with them.
 */
#include "port.h"

#include <string.h>

#if !DEVELOPMENT
#error "flash, random numbers and supply of the template are made up"
#endif

static uint8_t flash_in_ram[PORT_FLASH_SIZE];

/* ---- start ---- */

/* Clocks, watchdog, pins, serial line and screen; then the interrupts of interrupts.c. */
void port_start(void) {
  memset(flash_in_ram, 0xff, sizeof flash_in_ram);
}

/* ---- serial line ---- */

void port_send(const uint8_t *bytes, size_t length) {
  (void)bytes, (void)length;
}

/* Read from a ring that an interrupt fills. The main loop calls this in every round: feed the watchdog here. */
int port_receive(void) {
  return -1;
}

/* ---- time ---- */

/* Here each call takes a millisecond. */
uint32_t port_clock(void) {
  static uint32_t ms;
  return ms++;
}

/* WFI, with interrupts masked since before the last look for a byte. */
void port_sleep(uint32_t ms) {
  (void)ms;
}

/* ---- flash ---- */

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  memcpy(into, flash_in_ram + address, length);
}

void port_flash_program(uint32_t address, uint32_t word) {
  uint32_t old;
  memcpy(&old, flash_in_ram + address, sizeof old);
  old &= word;
  memcpy(flash_in_ram + address, &old, sizeof old);
}

void port_flash_erase(uint32_t page) {
  memset(flash_in_ram + page * PORT_FLASH_PAGE_SIZE, 0xff, PORT_FLASH_PAGE_SIZE);
}

/* ---- random ---- */

/* Not random at all. */
bool port_random(uint8_t *into, size_t length) {
  static uint32_t state;
  for (size_t i = 0; i < length; i++) {
    state = state * 1664525u + 1013904223u;
    into[i] = (uint8_t)(state >> 24);
  }
  return true;
}

/* ---- keys and screen ---- */

uint32_t port_keys(void) {
  return 0;
}

/* segments.c has the pixels of the characters. */
void port_display(const uint8_t *text) {
  (void)text;
}

/* ---- supply ---- */

uint32_t port_battery(void) {
  return 3000;
}

void port_power(bool on) {
  (void)on;
}
