/*
 * The micro:bit port with a table in place of registers. Shows how the port uses the peripherals that QEMU lacks or
 * models loosely. A write to a register takes effect at the next access to any register. Prints one line per result;
 * test/board/port.test.ts has the expected ones.
 */
#include "ports/microbit/nrf51.h"

#undef REGISTER
#define REGISTER(address) (*chip_register((uint32_t)(address)))

static volatile uint32_t *chip_register(uint32_t address);

/* Two serial lines: one in the table, which is observed, and the real one, which reports the results. */
#include "port.h"

#define uart_start table_start
#define uart_has_byte table_has_byte
#define uart_interrupt table_interrupt
#define port_receive table_receive
#define port_send table_send
#include "ports/microbit/uart.c"
#undef uart_start
#undef uart_has_byte
#undef uart_interrupt
#undef port_receive
#undef port_send

void uart_start(void);
bool uart_has_byte(void);

#include "ports/microbit/port.c"

#define REGISTERS 96u
#define CARD_FLASH 0x3f000u
#define CARD_FLASH_END 0x40000u

static struct {
  uint32_t address;
  volatile uint32_t value;
} registers[REGISTERS];

/* The state of the peripherals, and the accesses that they saw. */
static struct {
  uint32_t us, sample, byte;
  /* The value of NVMC_CONFIG at the last flash write or page erase. */
  uint32_t mode;
  /* Random bytes without bias correction. */
  uint32_t biased;
  /* Bytes on the serial line (their values count up), and how many of them the port read from the UART. */
  uint32_t arrived, taken;
} chip;

/* ---- the chip ---- */

static volatile uint32_t *find(uint32_t address) {
  uint32_t i = 0;
  while (registers[i].address != address && registers[i].address != 0) i++;
  registers[i].address = address;
  return &registers[i].value;
}

/* Whether a task was started since the last call. */
static bool is_started(uint32_t task) {
  volatile uint32_t *const value = find(task);
  const bool started = *value != 0;
  *value = 0;
  return started;
}

static void react(void) {
  if (*find(0x40000000)) *find(0x40000100) = 1;
  if (is_started(0x40008044)) *find(0x40008544) = chip.us;
  const bool converts = *find(0x40007500) == 1 && *find(0x40007504) == ADC_SUPPLY_THIRD;
  if (is_started(0x40007000) && converts) {
    *find(0x40007100) = 1;
    *find(0x40007508) = chip.sample;
  }
}

static volatile uint32_t *chip_register(uint32_t address) {
  react();
  if ((address >= CARD_FLASH && address < CARD_FLASH_END) || address == 0x4001e508) chip.mode = *find(0x4001e504);
  if (address == 0x4001e400) *find(address) = 1;
  /* A byte is ready at each check; a draw checks twice. */
  if (address == 0x4000d100 && *find(0x4000d000) == 1) {
    *find(address) = 1;
    *find(0x4000d508) = chip.byte++ / 2;
    chip.biased += *find(0x4000d504) != RNG_BIAS_CORRECTION;
  }
  if (address == 0x40002108) *find(address) = chip.taken < chip.arrived;
  if (address == 0x40002518) *find(address) = ++chip.taken;
  return find(address);
}

/* ---- what is not observed ---- */

void oled_start(void) {}

void oled_show(const uint8_t *text) {
  (void)text;
}

/* ---- output ---- */

static void say_text(const char *text) {
  for (; *text; text++) port_send((const uint8_t *)text, 1);
}

static void say(const char *name, uint32_t value) {
  say_text(name);
  for (int shift = 28; shift >= 0; shift -= 4) port_send((const uint8_t *)&"0123456789abcdef"[value >> shift & 15], 1);
  say_text("\n");
}

static void try_supply(uint32_t sample) {
  chip.sample = sample;
  say("supply ", port_battery());
}

/* More bytes arrive than fit; the rest waits until one is taken. */
static void try_line(void) {
  chip.arrived = PORT_RECEIVE_ROOM + 6;
  table_interrupt();
  say("taken ", chip.taken);
  say("silenced ", *find(0x40002308));
  say("first ", (uint32_t)table_receive());
  say("listening ", *find(0x40002304));
  say("its place ", ring.bytes[0]);
  table_interrupt();
  say("taken ", chip.taken);
  uint32_t count = 1;
  for (int byte = 0; (byte = table_receive()) >= 0; count++) {
    if ((uint32_t)byte != count + 1) say("out of order ", (uint32_t)byte);
    table_interrupt();
  }
  say("received ", count);
  uint32_t left = ring.in + ring.out;
  for (uint32_t i = 0; i < PORT_RECEIVE_ROOM; i++) left += ring.bytes[i];
  say("left ", left);
}

int main(void) {
  port_start();
  say("watchdog ", *find(0x40010504));
  try_supply(0);
  try_supply(852);
  try_supply(1023);
  say("ADC afterwards ", *find(0x40007500));

  port_flash_program(0x104, 0x12345678);
  say("programmed ", *find(CARD_FLASH + 0x104));
  say("in mode ", chip.mode);
  say("afterwards ", *find(0x4001e504));
  port_flash_erase(2);
  say("erased ", *find(0x4001e508));
  say("in mode ", chip.mode);
  say("afterwards ", *find(0x4001e504));

  uint8_t bytes[4] = {0};
  say("random ", port_random(bytes, sizeof bytes));
  say("bytes ", (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]);
  say("biased ", chip.biased);
  say("stopped ", *find(0x4000d004));

  chip.us = 1500;
  say("clock ", port_clock());
  chip.us = 3000;
  say("clock ", port_clock());

  try_line();
  say_text("end\n");
  for (;;) {
  }
}
