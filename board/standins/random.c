/*
 * Numbers that are not random: the same sequence after each reset.
 */
#include "port.h"
#include "standins.h"

bool port_random(uint8_t *into, size_t length) {
  static uint32_t state;
  for (size_t i = 0; i < length; i++) {
    state = state * 1664525u + 1013904223u;
    into[i] = (uint8_t)(state >> 24);
  }
  return true;
}
