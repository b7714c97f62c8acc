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
#define CONVERSION_LIMIT 200u
#define RANDOM_LIMIT 200000u
/* The supply where there is no ADC, in mV. */
#define SUPPLY_IN_QEMU 3000u

/* As many random bytes in a row that are the same are no accident (2^-40), but a source that is stuck. */
#define STUCK 6u

/* What no call into the card takes, flash and all, in seconds: then the chip is reset. */
#define WATCHDOG 4u

/* `dsc flash` puts no image of this firmware onto the board that does not say this (host-tools/flashing/nrf51.ts). */
__attribute__((section(".board"), used)) static const char board[] = "DSC+ board: microbit";

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

/* It counts while the core sleeps and stands still under a debugger, as it is after a reset. */
static void start_watchdog(void) {
  WDT_CRV = WDT_SECONDS(WATCHDOG);
  WDT_TASKS_START = 1;
}

#if !DEVELOPMENT
#define NOTE_OF_RESET 0xc1u

/*
 * Flashing tools need not know the UICR: an image that finds the chip open closes it. Both hold from the next reset on
 * (nRF51 Series Reference Manual, 8.1.4), so it resets itself.
 */
__attribute__((section(".uicr"), used)) static const uint32_t protection = RBPCONF_PROTECT_ALL;

static void close_chip(void) {
  NVMC_CONFIG = NVMC_WRITE;
  UICR_RBPCONF = protection;
  while (!NVMC_READY) {
  }
  NVMC_CONFIG = NVMC_READ_ONLY;
}

/* Once, and then no more: a note that outlives the reset says so. (QEMU keeps neither the note nor the UICR.) */
static void reset_once(void) {
  if (POWER_GPREGRET == NOTE_OF_RESET) return;
  POWER_GPREGRET = NOTE_OF_RESET;
  if (POWER_GPREGRET == NOTE_OF_RESET) port_reset();
}

static void protect(void) {
  if ((UICR_RBPCONF & ~protection) == 0) {
    POWER_GPREGRET = 0;
    return;
  }
  close_chip();
  reset_once();
}

#else

static void protect(void) {}
#endif

void port_start(void) {
  protect();
  start_watchdog();
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

/*
 * Waits for an event of a peripheral, at most `timeout` us. Returns whether it came. It counts although it is late: an
 * interrupt may have taken the time, or a busy computer that runs the emulator.
 */
static bool await(volatile uint32_t *event, uint32_t timeout) {
  const uint32_t start = microseconds();
  while (!*event && microseconds() - start <= timeout) {
  }
  return *event != 0;
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

/* What cannot be measured counts as empty. QEMU has no ADC, and so none whose registers keep what is written. */
uint32_t port_battery(void) {
  ADC_CONFIG = ADC_SUPPLY_THIRD;
  if (ADC_CONFIG != ADC_SUPPLY_THIRD) return SUPPLY_IN_QEMU;
  ADC_ENABLE = 1;
  ADC_EVENTS_END = 0;
  ADC_TASKS_START = 1;
  const bool measured = await(&ADC_EVENTS_END, CONVERSION_LIMIT);
  const uint32_t result = ADC_RESULT;
  ADC_TASKS_STOP = 1;
  ADC_ENABLE = 0;
  return measured ? result * ADC_FULL_SCALE_MILLIVOLTS / ADC_FULL_SCALE : 0;
}

void port_power(bool on) {
  now.scan = on ? SCAN_ON : SCAN_OFF;
}

void port_display(const uint8_t *text) {
  oled_show(text);
}

/* ---- random ---- */

/* The next byte of the generator, or -1. */
static int draw(void) {
  RNG_EVENTS_VALRDY = 0;
  return await(&RNG_EVENTS_VALRDY, RANDOM_LIMIT) ? (int)(RNG_VALUE & 0xff) : -1;
}

/*
 * The repetition count test of NIST SP 800-90B (4.4.1). Each call begins with bytes for it alone, so that a source that
 * is stuck is noticed where few are asked for, and none needs to be remembered.
 */
bool port_random(uint8_t *into, size_t length) {
  RNG_CONFIG = RNG_BIAS_CORRECTION;
  RNG_TASKS_START = 1;
  int last = -1;
  uint32_t same = 0;
  bool good = true;
  for (size_t i = 0; i < STUCK + length && good; i++) {
    const int byte = draw();
    same = byte == last ? same + 1 : 1;
    last = byte;
    good = byte >= 0 && same < STUCK;
    if (i >= STUCK) into[i - STUCK] = (uint8_t)byte;
  }
  RNG_TASKS_STOP = 1;
  return good;
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
