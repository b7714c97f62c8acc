/*
 * The port to the netduino2 (STM32F205, Cortex-M3) as QEMU 7.2 has it: serial line, clock and sleep are the chip's.
 * QEMU has no clock control, pins, random generator, flash controller or watchdog for it, so the front panel supplies
 * the keys, and stand-ins supply the rest. It is not a port for a real board, which needs all of these.
 */
#include "port.h"

#include "cortexm/start.h"
#include "ring.h"
#include "standins/standins.h"
#include "stm32f2.h"

/* QEMU's timers count at 1 GHz before their prescaler, its core is clocked at 120 MHz. */
#define TIMER_MHZ 1000u
#define CORE_KHZ 120000u
/* QEMU ignores the baud rate. */
#define BAUD_115200 (60000000u / 115200u)

/* The interval at which contacts are read (ms), on and off. SysTick counts up to 139 ms. */
#define SCAN_ON 5u
#define SCAN_OFF 20u
#define SUPPLY 3000u

static ring_t ring;

static struct {
  uint32_t ms;
  /* The timer, in us, at `ms`. */
  uint32_t us;
  uint32_t scan;
} now = {.scan = SCAN_OFF};

/* ---- start ---- */

static void start_clock(void) {
  TIM5_PSC = TIMER_MHZ - 1;
  TIM5_EGR = TIM_UPDATE;
  TIM5_CR1 = TIM_ENABLE;
}

static void start_line(void) {
  USART_BRR = BAUD_115200;
  USART_CR1 = USART_ENABLED | USART_SENDS | USART_RECEIVES | USART_RECEIVE_INTERRUPT;
}

void port_start(void) {
  standin_flash_start();
  start_clock();
  start_line();
  NVIC_ENABLE(USART_IRQ);
}

/* ---- serial line ---- */

/*
 * If the ring is full, the byte waits in the USART until another is taken. The interrupt is disabled in the core, since
 * QEMU's USART requests it whatever its own mask says. (Reading DR clears RXNE; after SR was read, it also clears an
 * overrun.)
 */
void usart_interrupt(void) {
  while (USART_SR & USART_RECEIVED) {
    if (ring_is_full(&ring)) {
      NVIC_DISABLE(USART_IRQ);
      return;
    }
    ring_put(&ring, (uint8_t)USART_DR);
  }
}

int port_receive(void) {
  __asm__ volatile("cpsid i");
  ring_begin_anew(&ring);
  __asm__ volatile("cpsie i");
  const int byte = ring_take(&ring);
  if (byte >= 0) NVIC_ENABLE(USART_IRQ);
  return byte;
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    while (!(USART_SR & USART_CAN_SEND)) {
    }
    USART_DR = bytes[i];
  }
}

/* ---- time ---- */

uint32_t port_clock(void) {
  const uint32_t passed = (TIM5_CNT - now.us) / 1000;
  now.us += passed * 1000;
  now.ms += passed;
  return now.ms;
}

/* SysTick only ends the sleep, and stops when its time is over. */
void port_systick(void) {
  SYSTICK_CONTROL = 0;
}

void port_sleep(uint32_t ms) {
  const uint32_t span = ms < now.scan ? ms : now.scan;
  SYSTICK_RELOAD = span * CORE_KHZ;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = SYSTICK_RUNS;
  /* A masked interrupt still ends WFI, so none is lost between the check and the sleep. */
  __asm__ volatile("cpsid i");
  if (!ring_has_byte(&ring)) __asm__ volatile("wfi");
  __asm__ volatile("cpsie i");
  SYSTICK_CONTROL = 0;
}

/* ---- keys, screen, supply ---- */

uint32_t port_keys(void) {
  return 0;
}

void port_display(const uint8_t *text) {
  (void)text;
}

uint32_t port_battery(void) {
  return SUPPLY;
}

void port_power(bool on) {
  now.scan = on ? SCAN_ON : SCAN_OFF;
}
