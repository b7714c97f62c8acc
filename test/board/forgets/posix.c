/*
 * The harness's host in a process: the posix port without its screen. Calls run on a separate stack, which is inspected
 * from outside.
 */
#define port_display posix_display
#include "ports/posix/port.c"
#undef port_display

#include <ucontext.h>

#include "forgets.h"

#define STACK_WORDS 65536u
/* Most of the words that port_forget() wipes. */
#define LEFT_WORDS 1800u
/* Not the top of the frame: port_forget() is C, and may have saved registers and padding there. */
#define TOP_WORDS 16u

static uint32_t stack[STACK_WORDS] __attribute__((aligned(16)));
static ucontext_t outside, inside;
static void (*called)(void);

__attribute__((noinline)) void forgets_leave(void) {
  volatile uint32_t frame[LEFT_WORDS + TOP_WORDS] __attribute__((unused));
  for (uint32_t i = 0; i < LEFT_WORDS; i++) frame[i] = SECRET;
}

static void call_inside(void) {
  called();
}

uint32_t forgets_found_after(void (*call)(void)) {
  called = call;
  memset(stack, 0, sizeof stack);
  getcontext(&inside);
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = sizeof stack;
  inside.uc_link = &outside;
  makecontext(&inside, call_inside, 0);
  swapcontext(&outside, &inside);
  uint32_t count = 0;
  for (uint32_t i = 0; i < STACK_WORDS; i++) count += ((volatile uint32_t *)stack)[i] == SECRET;
  return count;
}

void forgets_start(void) {
  (void)posix_display;
}

void forgets_say(const char *name, uint32_t count) {
  printf("%s %05u\n", name, (unsigned)count);
}
