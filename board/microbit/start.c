/*
 * From reset to main, and back: vectors, RAM cleared before anything is in it, and wiped whenever a call into the
 * module ends badly. The stack lies at the bottom of RAM, so that one that overflows faults instead of overwriting.
 */
#include <stdint.h>

#include "nrf51.h"
#include "port.h"

#define RAM_START 0x20000000u
#define RAM_END 0x20004000u

extern uint8_t stack_top[], data_load[], data_start[], data_end[];

int main(void);
void uart_interrupt(void);
void timer_interrupt(void);

/* Clears all of RAM, the stack with it, and goes on at `then` (in r0): nothing may be kept in RAM across it. */
static __attribute__((naked, noreturn)) void clear_ram(__attribute__((unused)) void (*then)(void)) {
  __asm__(
      "ldr r1, =%c0\n"
      "ldr r2, =%c1\n"
      "movs r3, #0\n"
      "1: stmia r1!, {r3}\n"
      "cmp r1, r2\n"
      "blo 1b\n"
      "mov r12, r3\n"
      "bx r0\n"
      ".ltorg\n" ::"i"(RAM_START),
      "i"(RAM_END));
}

static void request_reset(void) {
  SCB_AIRCR = AIRCR_SYSRESETREQ;
  for (;;) {
  }
}

void port_reset(void) {
  __asm__ volatile("cpsid i");
  clear_ram(request_reset);
}

static void begin(void) {
  const uint32_t *from = (const uint32_t *)data_load;
  for (uint32_t *to = (uint32_t *)data_start; to < (uint32_t *)data_end;) *to++ = *from++;
  main();
  port_reset();
}

static void reset(void) {
  clear_ram(begin);
}

/* A fault is a trap: what the card was doing is over. */
static void fault(void) {
  port_reset();
}

typedef void (*vector_t)(void);

__attribute__((section(".vectors"), used)) static const vector_t vectors[48] = {
    [0] = (vector_t)(void *)stack_top,
    [1] = reset,
    [2] = fault,
    [3] = fault,
    [11] = fault,
    [14] = fault,
    [15] = fault,
    [16 + UART_IRQ] = uart_interrupt,
    [16 + TIMER_IRQ] = timer_interrupt,
};

/* The part of the stack that nobody uses now, and the registers that a call may leave things in. (The meter has its
 * own, which measures instead.) */
__attribute__((naked, weak)) void port_forget(void) {
  __asm__(
      "ldr r0, =stack_bottom\n"
      "mov r1, sp\n"
      "movs r2, #0\n"
      "1: stmia r0!, {r2}\n"
      "cmp r0, r1\n"
      "blo 1b\n"
      "movs r0, #0\n"
      "movs r1, #0\n"
      "mov r3, r2\n"
      "mov r12, r2\n"
      "bx lr\n"
      ".ltorg\n");
}
