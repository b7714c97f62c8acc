/*
 * Start and reset on a 32-bit RISC-V in machine mode: RAM is cleared at the start and wiped after a trap or a fault.
 * The stack is at the bottom of RAM, so that an overflow faults instead of overwriting data. The symbols are those of
 * sections.ld and of the port's image.ld.
 *
 * (The RISC-V Instruction Set Manual, volume II, 3.1.)
 */
#include "start.h"

#include <stdint.h>

#include "port.h"

extern uint8_t data_load[], data_start[], data_end[];

int main(void);

/*
 * Clears all of RAM, the stack included, and all registers but a0, then continues at `then` (in a0) on an empty stack.
 * No variable survives it.
 */
static __attribute__((naked, noreturn)) void clear_ram(__attribute__((unused)) void (*then)(void)) {
  __asm__(
      "la t0, ram_start\n"
      "la t1, ram_end\n"
      "1: sw zero, 0(t0)\n"
      "addi t0, t0, 4\n"
      "bltu t0, t1, 1b\n"
      "la sp, stack_top\n"
      ".irp register, ra, gp, tp, t0, t1, t2, s0, s1, a1, a2, a3, a4, a5, a6, a7\n"
      "li \\register, 0\n"
      ".endr\n"
      ".irp register, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6\n"
      "li \\register, 0\n"
      ".endr\n"
      "jr a0\n");
}

/*
 * A fault ends the card's session, as a trap does. It first sets a new stack pointer, since the stack may have
 * overflowed.
 */
static __attribute__((naked)) void fault(void) {
  __asm__(
      "la sp, stack_top\n"
      "j port_reset\n");
}

/* The handler in mtvec. It clears mscratch, which held t0. */
static __attribute__((naked, aligned(4))) void trap(void) {
  __asm__(
      "csrw mscratch, t0\n"
      "csrr t0, mcause\n"
      "bltz t0, 1f\n"
      "j %0\n"
      "1: csrrw t0, mscratch, zero\n"
      "j port_interrupt\n" ::"i"(fault));
}

static void begin(void) {
  const uint32_t *from = (const uint32_t *)data_load;
  for (uint32_t *to = (uint32_t *)data_start; to < (uint32_t *)data_end;) *to++ = *from++;
  main();
  port_reset();
}

/* The first instruction of the image; interrupts are off from here until the port enables them. */
__attribute__((naked, section(".vectors"), used)) static void reset(void) {
  __asm__(
      "csrw mie, zero\n"
      "csrci mstatus, 8\n"
      "csrw mscratch, zero\n"
      "la t0, %0\n"
      "csrw mtvec, t0\n"
      "la a0, %1\n"
      "j %2\n" ::"i"(trap),
      "i"(begin), "i"(clear_ram));
}

/* A RISC-V core has no reset register, so peripherals keep their state until port_start sets them. */
static void request_reset(void) {
  reset();
}

void port_reset(void) {
  __asm__ volatile("csrci mstatus, 8\ncsrw mie, zero\ncsrw mscratch, zero");
  clear_ram(request_reset);
}

/* Wipes the unused part of the stack and the registers that a call may change. */
__attribute__((naked, weak)) void port_forget(void) {
  __asm__(
      "la t0, stack_bottom\n"
      "1: sw zero, 0(t0)\n"
      "addi t0, t0, 4\n"
      "bltu t0, sp, 1b\n"
      ".irp register, t0, t1, t2, t3, t4, t5, t6, a0, a1, a2, a3, a4, a5, a6, a7\n"
      "li \\register, 0\n"
      ".endr\n"
      "ret\n");
}
