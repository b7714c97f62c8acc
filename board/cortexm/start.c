/*
 * Start and reset on any Cortex-M: vectors, RAM cleared at the start and wiped after a trap or a fault. The stack is at
 * the bottom of RAM, so that an overflow faults instead of overwriting data. The symbols are those of sections.ld and
 * of the port's image.ld.
 */
#include "start.h"

#include <stdint.h>

#include "port.h"

/* A register of the core [ARMv6-M Architecture Reference Manual, B3.2.6]. */
#define SCB_AIRCR (*(volatile uint32_t *)0xe000ed0c)
#define AIRCR_SYSRESETREQ 0x05fa0004u

extern uint8_t stack_top[], data_load[], data_start[], data_end[];

int main(void);

/*
 * Clears all of RAM, the stack included, and all registers but r0, then continues at `then` (in r0). No variable
 * survives it.
 */
static __attribute__((naked, noreturn)) void clear_ram(__attribute__((unused)) void (*then)(void)) {
  __asm__(
      "ldr r1, =ram_start\n"
      "ldr r2, =ram_end\n"
      "movs r3, #0\n"
      "1: stmia r1!, {r3}\n"
      "cmp r1, r2\n"
      "blo 1b\n"
      "movs r1, #0\n"
      "movs r2, #0\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "mov r8, r3\n"
      "mov r9, r3\n"
      "mov r10, r3\n"
      "mov r11, r3\n"
      "mov r12, r3\n"
      "bx r0\n"
      ".ltorg\n");
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

/*
 * A fault ends the card's session, as a trap does. It first sets a new stack pointer, since the stack may have
 * overflowed.
 */
static __attribute__((naked)) void fault(void) {
  __asm__(
      "ldr r0, =stack_top\n"
      "mov sp, r0\n"
      "ldr r0, =port_reset\n"
      "bx r0\n"
      ".ltorg\n");
}

/* A port that uses one of these exceptions defines the handler; in other images the exception is a fault. */
#define PORTS_OWN __attribute__((weak, alias("fault")))
PORTS_OWN void port_nmi(void);
PORTS_OWN void port_svcall(void);
PORTS_OWN void port_debug_monitor(void);
PORTS_OWN void port_pendsv(void);
PORTS_OWN void port_systick(void);

/* The core's vectors. 4 to 7 and 12 are reserved on ARMv6-M and used by its successors. */
__attribute__((section(".vectors"), used)) static const vector_t vectors[CORE_VECTORS] = {
    [0] = (vector_t)(void *)stack_top,
    [1] = reset,
    [2] = port_nmi,
    [3] = fault,
    [4] = fault,
    [5] = fault,
    [6] = fault,
    [7] = fault,
    [11] = port_svcall,
    [12] = port_debug_monitor,
    [14] = port_pendsv,
    [15] = port_systick,
};

/*
 * Wipes the unused part of the stack and the registers that a call may change. (The meter replaces it by a function
 * that measures.)
 */
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
