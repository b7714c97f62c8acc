/*
 * A main that leaves data in RAM and registers, and then calls itself until its stack overflows.
 */
#include "port.h"

#define SECRET 0xa5c3965au

volatile uint32_t secrets[64];

/* Recurses until the stack overflows; the bound only keeps the compiler quiet. */
static uint32_t deeper(uint32_t depth) {
  volatile uint32_t frame[16];
  for (uint32_t i = 0; i < 16; i++) frame[i] = SECRET;
  return depth == 0xffffffffu ? frame[0] : deeper(depth + 1) + frame[depth % 16];
}

int main(void) {
  for (uint32_t i = 0; i < 64; i++) secrets[i] = SECRET;
  __asm__ volatile("ldr r4, =0xa5c3965a\n mov r8, r4\n mov r9, r4\n mov r10, r4\n mov r11, r4\n"
                   ::: "r4", "r8", "r9", "r10", "r11");
  return (int)deeper(secrets[0] - SECRET);
}
