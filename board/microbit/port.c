/*
 * The port to the BBC micro:bit V1 (nRF51822): clock, keys, supply, random source and the card's flash. Serial line and
 * screen are in uart.c and oled.c.
 */
#include "port.h"

#include "nrf51.h"
#include "oled.h"
#include "pins.h"
#include "uart.h"

/* The last four pages of the chip's 256 KB hold the card's flash. */
#define FLASH_BASE (0x40000u - PORT_FLASH_SIZE)

#define KEYS 12u
/* Keys are looked at this often (ms), on and off: a contact counts after 20. And while one may bounce: */
#define SCAN_ON 5u
#define SCAN_OFF 20u
#define SCAN_BOUNCE 1u
#define BOUNCE_TIME 30000u /* us */

/* What no conversion (68 us) and no random byte (0.7 ms, bias corrected) takes, in us. */
#define CONVERSION_PATIENCE 200u
#define RANDOM_PATIENCE 200000u
/* What a supply is taken to be that cannot be measured (QEMU has no ADC), in mV. */
#define SUPPLY_UNKNOWN 3000u

static const uint8_t key_pins[KEYS] = KEY_PINS;

static struct {
  uint32_t ms;
  /* The timer, in us, at `ms`. */
  uint32_t us;
  uint32_t scan;
  /* The contacts as they were seen last, and when (us) they were last seen to move. */
  uint32_t closed, moved;
} now = {.scan = SCAN_OFF};

/* ---- start ---- */

static void start_clock(void) {
  CLOCK_TASKS_HFCLKSTART = 1;
  while (!CLOCK_EVENTS_HFCLKSTARTED) {
  }
  TIMER_BITMODE = TIMER_32_BITS;
  TIMER_PRESCALER = 4; /* 16 MHz / 2^4 */
  TIMER_INTENSET = TIMER_COMPARE_INTERRUPT(0);
  TIMER_TASKS_CLEAR = 1;
  TIMER_TASKS_START = 1;
}

static void start_keys(void) {
  for (uint32_t key = 0; key < KEYS; key++) GPIO_PIN_CNF(key_pins[key]) = PIN_INPUT_PULLUP;
}

#if !DEVELOPMENT
/*
 * Flashing tools need not know the UICR: an image that finds the chip open closes it. Both hold from the next reset on
 * (nRF51 Series Reference Manual, 8.1.4).
 */
__attribute__((section(".uicr"), used)) static const uint32_t protection = RBPCONF_PROTECT_ALL;

static void protect(void) {
  if ((UICR_RBPCONF & ~protection) == 0) return;
  NVMC_CONFIG = NVMC_WRITE;
  UICR_RBPCONF = protection;
  while (!NVMC_READY) {
  }
  NVMC_CONFIG = NVMC_READ_ONLY;
}

#else

static void protect(void) {}
#endif

void port_start(void) {
  protect();
  start_clock();
  start_keys();
  uart_start();
  oled_start();
  NVIC_ISER = 1u << UART_IRQ | 1u << TIMER_IRQ;
}

/* ---- time ---- */

static uint32_t microseconds(void) {
  TIMER_TASKS_CAPTURE(1) = 1;
  return TIMER_CC(1);
}

/* Waits for an event of a peripheral, at most `patience` us. Returns whether it came. */
static bool await(volatile uint32_t *event, uint32_t patience) {
  const uint32_t start = microseconds();
  while (!*event) {
    if (microseconds() - start > patience) return false;
  }
  return true;
}

uint32_t port_clock(void) {
  const uint32_t passed = (microseconds() - now.us) / 1000;
  now.us += passed * 1000;
  now.ms += passed;
  return now.ms;
}

void port_sleep(uint32_t ms) {
  const uint32_t start = microseconds();
  const uint32_t scan = start - now.moved < BOUNCE_TIME ? SCAN_BOUNCE : now.scan;
  const uint32_t span = (ms < scan ? ms : scan) * 1000;
  TIMER_EVENTS_COMPARE(0) = 0;
  TIMER_CC(0) = start + span;
  /* Masked, an interrupt still ends WFI: none is lost between the look and the sleep. */
  __asm__ volatile("cpsid i");
  if (!uart_has_byte() && microseconds() - start < span) __asm__ volatile("wfi");
  __asm__ volatile("cpsie i");
}

/* (The meter has its own.) */
__attribute__((weak)) void timer_interrupt(void) {
  TIMER_EVENTS_COMPARE(0) = 0;
}

/* ---- keys, supply ---- */

uint32_t port_keys(void) {
  const uint32_t levels = GPIO_IN;
  uint32_t closed = 0;
  for (uint32_t key = 0; key < KEYS; key++) {
    if (!(levels >> key_pins[key] & 1)) closed |= 1u << key;
  }
  if (closed != now.closed) now.moved = microseconds();
  now.closed = closed;
  return closed;
}

uint32_t port_battery(void) {
  ADC_CONFIG = ADC_SUPPLY_THIRD;
  ADC_ENABLE = 1;
  ADC_EVENTS_END = 0;
  ADC_TASKS_START = 1;
  const bool measured = await(&ADC_EVENTS_END, CONVERSION_PATIENCE);
  const uint32_t result = ADC_RESULT;
  ADC_TASKS_STOP = 1;
  ADC_ENABLE = 0;
  return measured ? result * ADC_FULL_SCALE_MILLIVOLTS / ADC_FULL_SCALE : SUPPLY_UNKNOWN;
}

void port_power(bool on) {
  now.scan = on ? SCAN_ON : SCAN_OFF;
}

void port_display(const uint8_t *text) {
  oled_show(text);
}

/* ---- random ---- */

bool port_random(uint8_t *into, size_t length) {
  RNG_CONFIG = RNG_BIAS_CORRECTION;
  RNG_TASKS_START = 1;
  bool came = true;
  for (size_t i = 0; i < length && came; i++) {
    RNG_EVENTS_VALRDY = 0;
    came = await(&RNG_EVENTS_VALRDY, RANDOM_PATIENCE);
    into[i] = (uint8_t)RNG_VALUE;
  }
  RNG_TASKS_STOP = 1;
  return came;
}

/* ---- flash ---- */

static void wait_for_flash(void) {
  while (!NVMC_READY) {
  }
}

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  const volatile uint8_t *const from = (const volatile uint8_t *)(FLASH_BASE + address);
  for (size_t i = 0; i < length; i++) into[i] = from[i];
}

void port_flash_program(uint32_t address, uint32_t word) {
  NVMC_CONFIG = NVMC_WRITE;
  wait_for_flash();
  REGISTER(FLASH_BASE + address) = word;
  wait_for_flash();
  NVMC_CONFIG = NVMC_READ_ONLY;
}

void port_flash_erase(uint32_t page) {
  NVMC_CONFIG = NVMC_ERASE;
  wait_for_flash();
  NVMC_ERASEPAGE = FLASH_BASE + page * PORT_FLASH_PAGE_SIZE;
  wait_for_flash();
  NVMC_CONFIG = NVMC_READ_ONLY;
}
