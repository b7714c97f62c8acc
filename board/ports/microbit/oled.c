/*
 * The screen of the microbit port: an SSD1306 (datasheet rev 1.1; section in brackets) of 128 x 32 pixels at I2C
 * address 0x3c, with its two lines driven by software.
 *
 * It reads no register and ignores acknowledgements, so a card without a screen keeps working. It configures the
 * controller each time the card turns on, since the screen may have got power later than the chip.
 */
#include "oled.h"

#include <stdbool.h>
#include <string.h>

#include "nrf51.h"
#include "pins.h"
#include "port.h"
#include "segments.h"

#define SCL (1u << SCL_PIN)
#define SDA (1u << SDA_PIN)

/* The address with R/W# = 0, and the control bytes before commands and before data [8.1.5.2]. */
#define ADDRESS 0x78u
#define COMMANDS 0x00u
#define DATA 0x40u

#define CLOCKS_OF_A_BYTE 9u

#define DISPLAY_OFF 0xaeu
#define DISPLAY_ON 0xafu
#define CHARGE_PUMP 0x8du
#define COLUMNS 0x21u
#define PAGES 0x22u
#define LAST_PAGE 3u

/* For a panel of 32 rows on COM0 to COM31, its cable below [9, 10.1; charge pump: application note, 2]. */
static const uint8_t set_up[] = {
    DISPLAY_OFF,
    0xd5, 0x80,        /* clock: as after reset */
    0xa8, 31,          /* rows */
    0xd3, 0,           /* no offset */
    0x40,              /* first line at the top */
    CHARGE_PUMP, 0x14, /* on */
    0x20, 1,           /* addresses go down a column first, which is 32 bits here */
    0xa1, 0xc8,        /* column 0 left, row 0 on top */
    0xda, 0x02,        /* COM pins: in sequence */
    0x81, 0x8f,        /* contrast */
    0xd9, 0xf1,        /* pre-charge: with a charge pump */
    0xdb, 0x40,        /* VCOMH */
    0x2e,              /* no scrolling */
    0xa4, 0xa6,        /* show RAM, 1 is lit */
};
static const uint8_t turn_on[] = {DISPLAY_ON};
/* A command that our reset interrupted takes the zeros as its operands; otherwise they have no effect. */
static const uint8_t turn_off[] = {0, 0, DISPLAY_OFF, CHARGE_PUMP, 0x10, 0x20, 1};

/* What the screen shows. All blanks: it is off. */
static uint8_t shown[PORT_SCREEN_WIDTH];

/* ---- I2C [13, table 13-6]: a bit takes 2.9 us, of which SCL is high 1.2 ---- */

/* 17 cycles of 62.5 ns, including call and return. */
static __attribute__((noinline)) void wait(void) {
  __asm__ volatile(".rept 10\n nop\n .endr");
}

static void pulse(void) {
  wait();
  GPIO_OUTSET = SCL;
  wait();
  GPIO_OUTCLR = SCL;
}

static void start(void) {
  GPIO_OUTCLR = SDA;
  wait();
  GPIO_OUTCLR = SCL;
}

static void stop(void) {
  GPIO_OUTCLR = SDA;
  wait();
  GPIO_OUTSET = SCL;
  wait();
  GPIO_OUTSET = SDA;
  wait();
}

/* The ninth clock is for the acknowledgement, so SDA is released. */
static void send(uint32_t byte) {
  for (uint32_t bits = byte << 1 | 1, i = CLOCKS_OF_A_BYTE; i-- > 0;) {
    if (bits >> i & 1) GPIO_OUTSET = SDA;
    else GPIO_OUTCLR = SDA;
    pulse();
  }
}

static void open(uint32_t control) {
  start();
  send(ADDRESS);
  send(control);
}

static void command(const uint8_t *bytes, size_t length) {
  open(COMMANDS);
  for (size_t i = 0; i < length; i++) send(bytes[i]);
  stop();
}

/* ---- characters ---- */

static void draw(uint32_t place, uint8_t character) {
  const uint8_t first = (uint8_t)(place * SEGMENTS_COLUMNS);
  const uint8_t window[] = {COLUMNS, first, first + SEGMENTS_COLUMNS - 1, PAGES, 0, LAST_PAGE};
  command(window, sizeof window);
  open(DATA);
  for (uint32_t x = 0; x < SEGMENTS_COLUMNS; x++) {
    const uint32_t column = segments_column(character, x);
    for (uint32_t page = 0; page <= LAST_PAGE; page++) send(column >> 8 * page & 0xff);
  }
  stop();
}

/* Draws the characters that have changed, or all. */
static void update(const uint8_t *text, bool all) {
  for (uint32_t place = 0; place < PORT_SCREEN_WIDTH; place++) {
    if (all || text[place] != shown[place]) draw(place, text[place]);
    shown[place] = text[place];
  }
}

/* Also overwrites the controller's memory, so that nothing shown stays in it. */
static void darken(bool all) {
  static const uint8_t blanks[] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
  command(turn_off, sizeof turn_off);
  update(blanks, all);
}

static bool is_blank(const uint8_t *text) {
  for (uint32_t place = 0; place < PORT_SCREEN_WIDTH; place++) {
    if (text[place] != ' ') return false;
  }
  return true;
}

/*
 * If our reset interrupted a byte, the controller releases SDA within nine clocks; a start and a stop then end the
 * transaction.
 */
static void free_bus(void) {
  for (uint32_t i = 0; i < CLOCKS_OF_A_BYTE && !(GPIO_IN & SDA); i++) {
    GPIO_OUTCLR = SCL;
    pulse();
    GPIO_OUTSET = SCL;
    wait();
  }
  start();
  stop();
}

void oled_start(void) {
  GPIO_OUTSET = SCL | SDA;
  GPIO_PIN_CNF(SCL_PIN) = PIN_OPEN_DRAIN;
  GPIO_PIN_CNF(SDA_PIN) = PIN_OPEN_DRAIN;
  free_bus();
  darken(true);
}

void oled_show(const uint8_t *text) {
  const bool was_off = is_blank(shown);
  if (is_blank(text)) {
    if (!was_off) darken(false);
    return;
  }
  if (was_off) command(set_up, sizeof set_up);
  update(text, was_off);
  if (was_off) command(turn_on, sizeof turn_on);
}
