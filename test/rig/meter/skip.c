/*
 * The skip: a timer interrupts between two instructions and moves its return address past the next one. A run that then
 * takes longer than the time-out counts as a hang and ends in a reset, as by the port's watchdog, which QEMU lacks.
 */
#include "skip.h"

#include "line.h"
#include "ports/microbit/nrf51.h"
#include "port.h"

#define COMPARE 2
/* Ticks: some two million instructions. */
#define TIMEOUT (1u << 25)
/* Index of the return address in an exception's stack frame [ARMv6-M, B1.5.6]. */
#define FRAME_PC 6

/* State is kept in unused compare registers of TIMER1, because a skip may make the card overwrite the chip's RAM. */
#define TIMER1_BITMODE REGISTER(0x40009508)
#define TIMER1_CC(n) REGISTER(0x40009540 + 4 * (n))
#define SKIPPED TIMER1_CC(0)
#define DEADLINE TIMER1_CC(1)

static void interrupt_at(uint32_t ticks) {
  TIMER_CC(COMPARE) = ticks;
  TIMER_EVENTS_COMPARE(COMPARE) = 0;
  NVIC_ICPR = 1u << TIMER_IRQ;
}

void skip_arm(uint32_t ticks) {
  TIMER1_BITMODE = TIMER_32_BITS;
  SKIPPED = 0;
  if (ticks == 0) return;
  TIMER_INTENSET = TIMER_COMPARE_INTERRUPT(COMPARE);
  interrupt_at(line_ticks() + ticks);
  NVIC_ISER = 1u << TIMER_IRQ;
}

uint32_t skip_disarm(void) {
  NVIC_ICER = 1u << TIMER_IRQ;
  TIMER_EVENTS_COMPARE(COMPARE) = 0;
  return SKIPPED;
}

/* Instructions that begin with 11101, 11110 or 11111 have 32 bits [A5.1]. */
static uint32_t length_at(uint32_t address) {
  return *(const uint16_t *)address >> 11 >= 0x1d ? 4 : 2;
}

/* QEMU's timer sometimes interrupts too early, so a run counts as a hang only once it is overdue. */
static __attribute__((used)) void skip_next(uint32_t *frame) {
  const uint32_t now = line_ticks();
  if (!SKIPPED) {
    SKIPPED = frame[FRAME_PC];
    frame[FRAME_PC] += length_at(SKIPPED);
    DEADLINE = now + TIMEOUT;
  } else if (now >= DEADLINE) {
    port_reset();
  }
  interrupt_at(DEADLINE);
}

/* In place of the port's. */
__attribute__((naked)) void timer_interrupt(void) {
  __asm__(
      "mov r0, sp\n"
      "ldr r1, =skip_next\n"
      "bx r1\n"
      ".ltorg\n");
}
