/*
 * The port to the BBC micro:bit V1 (nRF51822): clock, keys, supply, random source and the card's flash. uart.c has the
 * serial line, oled.c the screen.
 */
#include "port.h"

#include "nrf51.h"
#include "oled.h"
#include "pins.h"
#include "uart.h"

/* The last four pages of the chip's 256 KB hold the card's flash. */
#define FLASH_BASE (0x40000u - PORT_FLASH_SIZE)

#define KEYS 12u
/*
 * Milliseconds between scans of the keys, while the card is on, off, and while a contact may bounce. (The firmware
 * accepts a contact after 20 ms.)
 */
#define SCAN_ON 5u
#define SCAN_OFF 20u
#define SCAN_BOUNCE 1u
#define BOUNCE_TIME 30000u /* us */

/* Limits in us that no conversion (68 us) and no random byte (0.7 ms, bias corrected) exceeds. */
#define CONVERSION_LIMIT 200u
#define RANDOM_LIMIT 200000u
/* The supply in mV where there is no ADC. */
#define SUPPLY_IN_QEMU 3000u

/* This many equal random bytes in a row mean a stuck source: by chance they have a probability of 2^-40. */
#define STUCK 6u

/* Seconds that no call into the card takes, flash operations included. After that the watchdog resets the chip. */
#define WATCHDOG 4u

/* `dsc flash` refuses images of this firmware that lack this text (host-tools/flashing/nrf51.ts). */
__attribute__((section(".board"), used)) static const char board[] = "DSC+ board: microbit";

static const uint8_t key_pins[KEYS] = KEY_PINS;

static struct {
  uint32_t ms;
  /* The timer, in us, at `ms`. */
  uint32_t us;
  uint32_t scan;
  /* The contacts at the last scan, and when (us) the last change was seen. */
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

/* As after a reset, it counts while the core sleeps and pauses under a debugger. */
static void start_watchdog(void) {
  WDT_CRV = WDT_SECONDS(WATCHDOG);
  WDT_TASKS_START = 1;
}

#if !DEVELOPMENT
#define NOTE_OF_RESET 0xc1u

/*
 * Flashing tools may ignore the UICR, so an image that finds the chip unprotected protects it. Either way the
 * protection takes effect at the next reset (nRF51 Series Reference Manual, 8.1.4), so the image resets the chip.
 */
__attribute__((section(".uicr"), used)) static const uint32_t protection = RBPCONF_PROTECT_ALL;

static void close_chip(void) {
  NVMC_CONFIG = NVMC_WRITE;
  UICR_RBPCONF = protection;
  while (!NVMC_READY) {
  }
  NVMC_CONFIG = NVMC_READ_ONLY;
}

/*
 * Resets only once: a note in a register that survives the reset prevents another one. (QEMU keeps neither the note nor
 * the UICR.)
 */
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
 * Waits for an event of a peripheral, at most `timeout` us. Returns whether it came. A late event still counts, since
 * an interrupt, or a busy computer under the emulator, may have taken the time.
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
  /* A masked interrupt still ends WFI, so none is lost between the check and the sleep. */
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

/* A supply that cannot be measured counts as empty. QEMU has no ADC: its registers do not keep what is written. */
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
 * The repetition count test of NIST SP 800-90B (4.4.1). Each call first draws bytes only for the test, so that a stuck
 * source is noticed even if few bytes are wanted, and no state needs to be kept between calls.
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
