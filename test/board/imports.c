/*
 * Calls every import of board/card.c as a hostile module might: each pointer, length and address at and around each
 * bound, and values whose sums wrap. A call within memory and flash must reach the port once and unchanged; any other
 * call must trap and reach nothing. Prints each import with its number of calls, and the first wrong call of each.
 *
 * The bounds are computed here in 64 bits, where nothing wraps; AddressSanitizer checks the port's accesses.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "dsc.h"

#define MEMORY WASM_RT_MEMORY_SIZE
#define SUPPLY 2987u

/* Zero, both ends of words, pages, memory and flash, and numbers that wrap when one of these is added. */
static const uint32_t NUMBERS[] = {
    0,          1,          2,           3,          4,          5,          7,          8,          9,
    1020,       1023,       1024,        1025,       4080,       4087,       4088,       4089,       4092,
    4093,       4094,       4095,        4096,       4097,       8192,       65535,      65536,      0x7fffffff,
    0x80000000, 0xffffefff, 0xfffff000,  0xfffff001, 0xfffffff7, 0xfffffff8, 0xfffffffc, 0xfffffffe, 0xffffffff,
};
#define COUNT (sizeof NUMBERS / sizeof *NUMBERS)

/* The calls that reached the port. */
static struct {
  unsigned calls;
  const uint8_t *at;
  size_t length;
  uint32_t address, word;
} port;

static uint8_t *flash;
static bool source_works;
static jmp_buf trapped;
static unsigned cases, wrong;

/* ---- the port ---- */

void port_reset(void) {
  longjmp(trapped, 1);
}

void port_forget(void) {}

static void was_asked(const uint8_t *at, size_t length, uint32_t address, uint32_t word) {
  port.calls++;
  port.at = at;
  port.length = length;
  port.address = address;
  port.word = word;
}

void port_display(const uint8_t *text) {
  static uint8_t shown[PORT_SCREEN_WIDTH];
  memcpy(shown, text, sizeof shown);
  was_asked(shown, sizeof shown, 0, 0);
}

void port_power(bool on) {
  was_asked(NULL, 0, 0, on);
}

uint32_t port_battery(void) {
  was_asked(NULL, 0, 0, 0);
  return SUPPLY;
}

void port_send(const uint8_t *bytes, size_t length) {
  static uint8_t sent[MEMORY];
  memcpy(sent, bytes, length);
  was_asked(bytes, length, 0, 0);
}

bool port_random(uint8_t *into, size_t length) {
  memset(into, 0x5a, length);
  was_asked(into, length, 0, 0);
  return source_works;
}

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  memcpy(into, flash + address, length);
  was_asked(into, length, address, 0);
}

void port_flash_program(uint32_t address, uint32_t word) {
  memcpy(flash + address, &word, sizeof word);
  was_asked(NULL, 4, address, word);
}

void port_flash_erase(uint32_t page) {
  memset(flash + page * PORT_FLASH_PAGE_SIZE, 0xff, PORT_FLASH_PAGE_SIZE);
  was_asked(NULL, 0, page, 0);
}

/* ---- the module, whose functions are never called ---- */

void Z_dsc_init_module(void) {}
void Z_dsc_instantiate(Z_dsc_instance_t *instance, struct Z_host_instance_t *host) { (void)instance, (void)host; }
void Z_dscZ_boot(Z_dsc_instance_t *instance) { (void)instance; }
u32 Z_dscZ_key(Z_dsc_instance_t *instance, u32 key, u32 closed) { return (void)instance, key + closed; }
u32 Z_dscZ_tick(Z_dsc_instance_t *instance, u32 ms) { return (void)instance, ms; }
u32 Z_dscZ_serial(Z_dsc_instance_t *instance, u32 byte) { return (void)instance, byte; }
u32 Z_dscZ_state(Z_dsc_instance_t *instance) { return (void)instance, 0u; }
u32 Z_dscZ_tries(Z_dsc_instance_t *instance) { return (void)instance, 0u; }

/* ---- judging ---- */

static bool is_inside(uint32_t start, uint32_t length, uint32_t size) {
  return (uint64_t)start + length <= size;
}

/* An import with as many of these arguments as it takes. */
typedef uint32_t (*import_t)(uint32_t a, uint32_t b, uint32_t c);

/* The return value of the last call that returned. */
static uint32_t result;

static bool returns(import_t import, uint32_t a, uint32_t b, uint32_t c) {
  memset(&port, 0, sizeof port);
  cases++;
  if (setjmp(trapped)) return false;
  result = import(a, b, c);
  return true;
}

/*
Judges the call of an import that was just made. `allowed`: it had to return; `right`: its effect was the expected one.
*/
static void judge(const char *name, uint32_t a, uint32_t b, uint32_t c, bool returned, bool allowed, bool right) {
  if (returned == allowed && (port.calls == 1) == allowed && (!allowed || right)) return;
  if (wrong++ == 0) {
    printf("wrong: %s(%" PRIu32 ", %" PRIu32 ", %" PRIu32 ") %s, %u calls of the port\n", name, a, b, c,
           returned ? "returned" : "trapped", port.calls);
  }
}

static void end(const char *name) {
  printf("%s %u\n", name, cases);
  cases = wrong = 0;
}

static const uint8_t *place(uint32_t pointer) {
  return wasm_rt_memory + pointer;
}

static uint32_t call_display(uint32_t a, uint32_t b, uint32_t c) {
  return (void)b, (void)c, Z_hostZ_display(NULL, a), 0;
}

static void try_display(void) {
  for (size_t i = 0; i < COUNT; i++) {
    const uint32_t text = NUMBERS[i];
    const bool allowed = is_inside(text, PORT_SCREEN_WIDTH, MEMORY);
    if (allowed) snprintf((char *)wasm_rt_memory + text, PORT_SCREEN_WIDTH, "%07u", (unsigned)i);
    const bool returned = returns(call_display, text, 0, 0);
    const bool right = allowed && port.calls == 1 && memcmp(port.at, place(text), PORT_SCREEN_WIDTH) == 0 &&
                       memcmp(card_view.text, place(text), PORT_SCREEN_WIDTH) == 0;
    judge("display", text, 0, 0, returned, allowed, right);
  }
  end("display");
}

static uint32_t call_flash_read(uint32_t a, uint32_t b, uint32_t c) {
  return Z_hostZ_flash_read(NULL, a, b, c), 0;
}

static void try_flash_read(void) {
  for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
    const uint32_t address = NUMBERS[i % COUNT], into = NUMBERS[i / COUNT % COUNT], length = NUMBERS[i / COUNT / COUNT];
    const bool allowed = is_inside(into, length, MEMORY) && is_inside(address, length, PORT_FLASH_SIZE);
    const bool returned = returns(call_flash_read, address, into, length);
    const bool right = allowed && port.at == place(into) && port.length == length && port.address == address;
    judge("flash_read", address, into, length, returned, allowed, right);
  }
  end("flash_read");
}

static uint32_t call_flash_program(uint32_t a, uint32_t b, uint32_t c) {
  return (void)c, Z_hostZ_flash_program(NULL, a, b), 0;
}

static void try_flash_program(void) {
  for (size_t i = 0; i < COUNT * COUNT; i++) {
    const uint32_t address = NUMBERS[i % COUNT], word = NUMBERS[i / COUNT];
    const bool allowed = is_inside(address, 4, PORT_FLASH_SIZE) && address % 4 == 0;
    const bool returned = returns(call_flash_program, address, word, 0);
    judge("flash_program", address, word, 0, returned, allowed, port.address == address && port.word == word);
  }
  end("flash_program");
}

static uint32_t call_flash_erase(uint32_t a, uint32_t b, uint32_t c) {
  return (void)b, (void)c, Z_hostZ_flash_erase(NULL, a), 0;
}

static void try_flash_erase(void) {
  for (size_t i = 0; i < COUNT; i++) {
    const uint32_t page = NUMBERS[i];
    const bool returned = returns(call_flash_erase, page, 0, 0);
    judge("flash_erase", page, 0, 0, returned, page < PORT_FLASH_SIZE / PORT_FLASH_PAGE_SIZE, port.address == page);
  }
  end("flash_erase");
}

static uint32_t call_random(uint32_t a, uint32_t b, uint32_t c) {
  return (void)c, Z_hostZ_random(NULL, a, b);
}

static void try_random(void) {
  for (size_t i = 0; i < COUNT * COUNT * 2; i++) {
    const uint32_t into = NUMBERS[i % COUNT], length = NUMBERS[i / COUNT % COUNT];
    const bool allowed = is_inside(into, length, MEMORY);
    source_works = i / COUNT / COUNT == 1;
    const bool returned = returns(call_random, into, length, 0);
    const bool right = port.at == place(into) && port.length == length && result == (source_works ? 1 : 0);
    judge("random", into, length, source_works, returned, allowed, allowed && right);
  }
  end("random");
}

static uint32_t call_serial_send(uint32_t a, uint32_t b, uint32_t c) {
  return (void)c, Z_hostZ_serial_send(NULL, a, b), 0;
}

static void try_serial_send(void) {
  for (size_t i = 0; i < COUNT * COUNT; i++) {
    const uint32_t bytes = NUMBERS[i % COUNT], length = NUMBERS[i / COUNT];
    const bool allowed = is_inside(bytes, length, MEMORY);
    const bool returned = returns(call_serial_send, bytes, length, 0);
    judge("serial_send", bytes, length, 0, returned, allowed,
          allowed && port.at == place(bytes) && port.length == length);
  }
  end("serial_send");
}

static uint32_t call_power(uint32_t a, uint32_t b, uint32_t c) {
  return (void)b, (void)c, Z_hostZ_power(NULL, a), 0;
}

static void try_power(void) {
  for (size_t i = 0; i < COUNT; i++) {
    const uint32_t on = NUMBERS[i];
    const bool returned = returns(call_power, on, 0, 0);
    judge("power", on, 0, 0, returned, true, port.word == (on != 0) && card_view.on == (on != 0));
  }
  end("power");
}

static uint32_t call_battery(uint32_t a, uint32_t b, uint32_t c) {
  return (void)a, (void)b, (void)c, Z_hostZ_battery(NULL);
}

static void try_battery(void) {
  const bool returned = returns(call_battery, 0, 0, 0);
  judge("battery", 0, 0, 0, returned, true, result == SUPPLY);
  end("battery");
}

/* This import does not call the port. */
static uint32_t call_panel(uint32_t a, uint32_t b, uint32_t c) {
  return (void)a, (void)b, (void)c, Z_hostZ_panel(NULL);
}

static void try_panel(void) {
  const bool returned = returns(call_panel, 0, 0, 0);
  if (!returned || port.calls != 0) printf("wrong: panel\n");
  end("panel");
}

int main(void) {
  flash = malloc(PORT_FLASH_SIZE);
  if (!flash) return EXIT_FAILURE;
  memset(flash, 0xff, PORT_FLASH_SIZE);
  try_battery();
  try_display();
  try_flash_erase();
  try_flash_program();
  try_flash_read();
  try_panel();
  try_power();
  try_random();
  try_serial_send();
  free(flash);
  return EXIT_SUCCESS;
}
