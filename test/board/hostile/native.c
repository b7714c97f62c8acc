/*
 * The harness's host on this machine: AddressSanitizer watches around the memory, and ends the run.
 */
#include <stdio.h>

#include "hostile.h"
#include "wasm-rt.h"

uint8_t wasm_rt_memory[WASM_RT_MEMORY_SIZE] __attribute__((aligned(8)));

/* Without a buffer: what was sent before a run ends badly arrives. */
void hostile_start(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
}

void hostile_send(const void *bytes, size_t length) {
  fwrite(bytes, 1, length, stdout);
}

bool hostile_is_intact(void) {
  return true;
}
