/*
 * The harness's host on the chip. Canaries surround the memory. A fault is reported; on a card it would cause a reset.
 * test/board/memory.test.ts tells the linker where the memory lies in this file's data.
 */
#include "hostile.h"
#include "ports/microbit/nrf51.h"
#include "ports/microbit/pins.h"
#include "wasm-rt.h"

#define CANARIES 16u
#define CANARY 0xa5c3965au

/* Canaries, the module's memory, canaries. */
#define GUARDED_WORDS (CANARIES + WASM_RT_MEMORY_SIZE / 4 + CANARIES)
uint32_t hostile_guarded[GUARDED_WORDS] __attribute__((aligned(8)));

extern uint8_t stack_top[], data_load[], data_start[], data_end[], ram_used_end[];

int main(void);

/* ---- from reset to main ---- */

static void halt(void) {
  for (;;) {
  }
}

static void reset(void) {
  const uint32_t *from = (const uint32_t *)data_load;
  uint32_t *to = (uint32_t *)data_start;
  while (to < (uint32_t *)data_end) *to++ = *from++;
  while (to < (uint32_t *)ram_used_end) *(volatile uint32_t *)to++ = 0;
  main();
  halt();
}

static void fault(void) {
  static const uint8_t outcome = OUTCOME_FAULT;
  hostile_send(&outcome, 1);
  hostile_send(END_MARK, sizeof END_MARK - 1);
  halt();
}

typedef void (*vector_t)(void);

__attribute__((section(".vectors"), used)) static const vector_t vectors[16] = {
    [0] = (vector_t)(void *)stack_top,
    [1] = reset,
    [2] = fault,
    [3] = fault,
};

/* ---- the host ---- */

void hostile_start(void) {
  for (uint32_t i = 0; i < GUARDED_WORDS; i++) hostile_guarded[i] = CANARY;
  UART_PSELTXD = TXD_PIN;
  UART_PSELRXD = RXD_PIN;
  UART_BAUDRATE = UART_115200_BAUD;
  UART_ENABLE = UART_ENABLED;
  UART_TASKS_STARTTX = 1;
}

void hostile_send(const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    UART_EVENTS_TXDRDY = 0;
    UART_TXD = ((const uint8_t *)bytes)[i];
    while (!UART_EVENTS_TXDRDY) {
    }
  }
}

bool hostile_is_intact(void) {
  uint32_t harmed = 0;
  for (uint32_t i = 0; i < CANARIES; i++) {
    harmed |= hostile_guarded[i] ^ CANARY;
    harmed |= hostile_guarded[GUARDED_WORDS - 1 - i] ^ CANARY;
  }
  return harmed == 0;
}
