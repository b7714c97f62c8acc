/*
 * From reset to main, and back, on a RISC-V of 32 bits in machine mode: RAM cleared before anything is in it, and wiped
 * whenever a call into the module ends badly. The stack lies at the bottom of RAM, so that one that overflows faults
 * instead of overwriting. The symbols are those of sections.ld and of the port's image.ld.
 *
 * (The RISC-V Instruction Set Manual, volume II, 3.1.)
 */
#include "start.h"

#include <stdint.h>

#include "port.h"

extern uint8_t data_load[], data_start[], data_end[];

int main(void);

/*
 * Clears all of RAM, the stack with it, and all registers but one, and goes on at `then` (in a0) on an empty stack:
 * nothing may be kept across it.
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

/* A fault is a trap: what the card was doing is over. After an overflow there is no stack to call anything on. */
static __attribute__((naked)) void fault(void) {
  __asm__(
      "la sp, stack_top\n"
      "j port_reset\n");
}

/* Where mtvec points. Nothing of t0 stays in mscratch. */
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

/* A RISC-V has no reset register of its own: what port_start leaves alone stays as it was. */
static void request_reset(void) {
  reset();
}

void port_reset(void) {
  __asm__ volatile("csrci mstatus, 8\ncsrw mie, zero\ncsrw mscratch, zero");
  clear_ram(request_reset);
}

/* The part of the stack that nobody uses now, and the registers that a call may leave things in. */
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
