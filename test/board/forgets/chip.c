/*
 * The harness's host on the chip. board/cortexm/start.c does the wiping.
 */
#include "forgets.h"
#include "ports/microbit/uart.h"
#include "port.h"

extern uint8_t stack_bottom[];

/* R1 to R3 and R12 after the call returned; R0 is its result. */
static uint32_t registers[4] __attribute__((used));

/* Down to the bottom of the stack. */
__attribute__((naked)) void forgets_leave(void) {
  __asm__(
      "ldr r0, =stack_bottom\n"
      "mov r1, sp\n"
      "ldr r2, =0xa5c3965a\n"
      "1: stmia r0!, {r2}\n"
      "cmp r0, r1\n"
      "blo 1b\n"
      "mov r1, r2\n"
      "mov r3, r2\n"
      "mov r12, r2\n"
      "bx lr\n"
      ".ltorg\n");
}

static __attribute__((naked, noinline)) void call_and_keep(__attribute__((unused)) void (*call)(void)) {
  __asm__(
      "push {r4, lr}\n"
      "blx r0\n"
      "ldr r4, =registers\n"
      "str r1, [r4, #0]\n"
      "str r2, [r4, #4]\n"
      "str r3, [r4, #8]\n"
      "mov r1, r12\n"
      "str r1, [r4, #12]\n"
      "pop {r4, pc}\n"
      ".ltorg\n");
}

uint32_t forgets_found_after(void (*call)(void)) {
  uint32_t count = 0;
  call_and_keep(call);
  const volatile uint32_t *const end = __builtin_frame_address(0);
  for (const volatile uint32_t *at = (const volatile uint32_t *)stack_bottom; at < end; at++) count += *at == SECRET;
  for (uint32_t i = 0; i < 4; i++) count += registers[i] == SECRET;
  return count;
}

void forgets_start(void) {
  uart_start();
}

void forgets_say(const char *name, uint32_t count) {
  while (*name) uart_send((uint8_t)*name++);
  uart_send(' ');
  for (uint32_t unit = 10000; unit > 0; unit /= 10) uart_send((uint8_t)('0' + count / unit % 10));
  uart_send('\n');
}

/* ---- the rest of a port; the serial line is the micro:bit's ---- */

void port_power(bool on) {
  (void)on;
}

uint32_t port_battery(void) {
  return 0;
}

bool port_random(uint8_t *into, size_t length) {
  return (void)into, (void)length, false;
}

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  (void)address, (void)into, (void)length;
}

void port_flash_program(uint32_t address, uint32_t word) {
  (void)address, (void)word;
}

void port_flash_erase(uint32_t page) {
  (void)page;
}
