/*
 * The port of the fuzzed card: flash, battery and random source in memory. The card's output is decoded, and must be
 * whole frames.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "development/development.h"
#include "fuzz.h"
#include "slip.h"

#define PANEL_REPORT 10u

port_t port;

/* The frame that the card sends. */
static struct {
  uint8_t bytes[ANSWER_SIZE];
  size_t length;
  bool escaped;
} frame;

void demand(bool holds, const char *promise) {
  if (holds) return;
  fprintf(stderr, "broken: %s (state %u)\n", promise, (unsigned)card_state());
  abort();
}

/* ---- what the card sends ---- */

QUICK uint16_t crc16(const uint8_t *bytes, size_t length) {
  uint32_t crc = CRC16_START;
  for (size_t i = 0; i < length; i++) crc = crc16_add(crc, bytes[i]);
  return (uint16_t)crc;
}

uint32_t answer_status(void) {
  if (port.answers == 0 || port.answer_length < 2) return 0;
  return (uint32_t)port.answer[port.answer_length - 2] << 8 | port.answer[port.answer_length - 1];
}

void port_drop_frame(void) {
  frame.length = 0;
  frame.escaped = false;
}

static void end_frame(void) {
  if (frame.length == 0) return;
  demand(frame.length >= 4 && crc16(frame.bytes, frame.length) == 0, "the card sends whole frames");
  const size_t length = frame.length - 3;
  const uint8_t *const payload = frame.bytes + 1;
  demand_public(payload, length);
  if (frame.bytes[0] == 0) {
    memcpy(port.answer, payload, length);
    port.answer_length = length;
    port.answers++;
  } else {
    demand(frame.bytes[0] == 1 && length == PANEL_REPORT, "the card sends on two channels");
  }
  frame.length = 0;
}

static void take(uint8_t byte) {
  demand(frame.length < ANSWER_SIZE, "the card sends no frame that is too long");
  frame.bytes[frame.length++] = byte;
}

static void take_raw(uint8_t byte) {
  if (byte == SLIP_END) {
    demand(!frame.escaped, "the card escapes bytes rightly");
    end_frame();
  } else if (frame.escaped) {
    demand(byte == SLIP_ESC_END || byte == SLIP_ESC_ESC, "the card escapes bytes rightly");
    frame.escaped = false;
    take(byte == SLIP_ESC_END ? SLIP_END : SLIP_ESC);
  } else if (byte == SLIP_ESC) {
    frame.escaped = true;
  } else {
    take(byte);
  }
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) take_raw(bytes[i]);
}

/* ---- keys, screen, supply, time ---- */

void port_display(const uint8_t *text) {
  (void)text;
}

void port_power(bool on) {
  (void)on;
}

uint32_t port_battery(void) {
  return port.battery;
}

/* Nothing to wipe, because no test reads this stack. */
void port_forget(void) {}

void port_reset(void) {
  demand(false, "I10 the firmware does not trap");
  abort();
}

/* ---- random: the same numbers for each input ---- */

bool port_random(uint8_t *into, size_t length) {
  if (port.random_fails) return false;
  for (size_t i = 0; i < length; i++) {
    port.random = port.random * 1664525u + 1013904223u;
    into[i] = (uint8_t)(port.random >> 24);
  }
  return true;
}

/* ---- flash ---- */

static void must_keep(const char *broken) {
  demand(!broken, broken);
}

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  memcpy(into, port.flash.bytes + address, length);
}

void port_flash_program(uint32_t address, uint32_t word) {
  port.operations++;
  must_keep(flash_program(&port.flash, address, word, false));
}

void port_flash_erase(uint32_t page) {
  port.operations++;
  must_keep(flash_erase(&port.flash, page));
}

/* ---- no commands over channel 1 here ---- */

uint32_t development_battery(uint32_t (*measured)(void)) {
  return measured();
}

bool development_random(uint8_t *into, size_t length) {
  (void)into, (void)length;
  return false;
}

void development_before_program(uint32_t address, uint32_t word) {
  (void)address, (void)word;
}

void development_before_erase(uint32_t page) {
  (void)page;
}
