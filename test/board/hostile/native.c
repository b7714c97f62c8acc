/*
 * The harness's host on this machine. AddressSanitizer ends the run at an access outside the memory.
 */
#include <stdio.h>

#include "hostile.h"
#include "wasm-rt.h"

uint8_t wasm_rt_memory[WASM_RT_MEMORY_SIZE] __attribute__((aligned(8)));

/* No buffer, so that everything sent before a crash arrives. */
void hostile_start(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
}

void hostile_send(const void *bytes, size_t length) {
  fwrite(bytes, 1, length, stdout);
}

bool hostile_is_intact(void) {
  return true;
}
