/*
 * The template of a port: it compiles and links for any core that has a start in board/, and does nothing yet.
 * docs/PORTING.md explains how to complete it, from top to bottom; port.h defines each function.
 *
 * Stand-ins replace the chip's flash (RAM), random source (numbers that are not random; board/standins) and supply
 * (always full), so that the card answers as soon as the serial line works. Replace each of them: no production image
 * is built with them.
 */
#include "port.h"

#include "standins/standins.h"

/* ---- start ---- */

/* Clocks, watchdog, pins, serial line and screen; then the interrupts of interrupts.c. */
void port_start(void) {
  standin_flash_start();
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

/* Replace this: each call advances the time by a millisecond. */
uint32_t port_clock(void) {
  static uint32_t ms;
  return ms++;
}

/* Use WFI, with interrupts masked before the last check for a byte. */
void port_sleep(uint32_t ms) {
  (void)ms;
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
