/*
 * The card in its host: the compiled module and its imports (docs/ABI.md). It checks every pointer before use and wipes
 * the stack after every call.
 */
#include "card.h"

#include <string.h>

#include "development/development.h"
#include "dsc.h"

card_view_t card_view;

static Z_dsc_instance_t instance;

uint8_t wasm_rt_memory[WASM_RT_MEMORY_SIZE] __attribute__((aligned(8)));

void card_boot(void) {
  static bool registered;
  if (!registered) Z_dsc_init_module();
  registered = true;
  card_die();
  Z_dsc_instantiate(&instance, NULL);
  Z_dscZ_boot(&instance);
  port_forget();
}

void card_die(void) {
  memset(&instance, 0, sizeof instance);
  memset(wasm_rt_memory, 0, sizeof wasm_rt_memory);
  card_view.on = false;
  memset(card_view.text, ' ', sizeof card_view.text);
  port_display(card_view.text);
  port_forget();
}

uint32_t card_key(uint32_t key, bool closed) {
  const uint32_t due = Z_dscZ_key(&instance, key, closed);
  port_forget();
  return due;
}

uint32_t card_tick(uint32_t ms) {
  const uint32_t due = Z_dscZ_tick(&instance, ms);
  port_forget();
  return due;
}

uint32_t card_serial(uint8_t byte) {
  const uint32_t due = Z_dscZ_serial(&instance, byte);
  port_forget();
  return due;
}

uint32_t card_state(void) {
  const uint32_t state = Z_dscZ_state(&instance);
  port_forget();
  return state;
}

uint32_t card_tries(void) {
  const uint32_t tries = Z_dscZ_tries(&instance);
  port_forget();
  return tries;
}

uint8_t *card_scratch(void) {
  return wasm_rt_memory;
}

/* ---- traps ---- */

void wasm_rt_trap(wasm_rt_trap_t reason) {
  (void)reason;
  port_reset();
}

/* ---- imports ---- */

/* The `length` bytes of the module's memory at `pointer`. A bad pointer is a fault of the module, so it traps. */
static uint8_t *checked(u32 pointer, u32 length) {
  if (length > WASM_RT_MEMORY_SIZE || pointer > WASM_RT_MEMORY_SIZE - length) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return wasm_rt_memory + pointer;
}

void Z_hostZ_display(struct Z_host_instance_t *host, u32 text) {
  (void)host;
  memcpy(card_view.text, checked(text, PORT_SCREEN_WIDTH), PORT_SCREEN_WIDTH);
  port_display(card_view.text);
}

void Z_hostZ_flash_read(struct Z_host_instance_t *host, u32 address, u32 into, u32 length) {
  (void)host;
  uint8_t *const to = checked(into, length);
  if (length > PORT_FLASH_SIZE || address > PORT_FLASH_SIZE - length) wasm_rt_trap(WASM_RT_TRAP_OOB);
  port_flash_read(address, to, length);
}

void Z_hostZ_flash_program(struct Z_host_instance_t *host, u32 address, u32 word) {
  (void)host;
  if (address >= PORT_FLASH_SIZE || address % 4 != 0) wasm_rt_trap(WASM_RT_TRAP_OOB);
  development_before_program(address, word);
  port_flash_program(address, word);
}

void Z_hostZ_flash_erase(struct Z_host_instance_t *host, u32 page) {
  (void)host;
  if (page >= PORT_FLASH_PAGES) wasm_rt_trap(WASM_RT_TRAP_OOB);
  development_before_erase(page);
  port_flash_erase(page);
}

u32 Z_hostZ_random(struct Z_host_instance_t *host, u32 into, u32 length) {
  (void)host;
  uint8_t *const to = checked(into, length);
  return development_random(to, length) || port_random(to, length);
}

u32 Z_hostZ_battery(struct Z_host_instance_t *host) {
  (void)host;
  return development_battery(port_battery);
}

void Z_hostZ_serial_send(struct Z_host_instance_t *host, u32 bytes, u32 length) {
  (void)host;
  port_send(checked(bytes, length), length);
}

/* The kind of host: values of Kind in firmware/wire.ts. */
enum { KIND_PRODUCTION = 1, KIND_DEVELOPMENT = 2 };

u32 Z_hostZ_panel(struct Z_host_instance_t *host) {
  (void)host;
  return DEVELOPMENT ? KIND_DEVELOPMENT : KIND_PRODUCTION;
}

void Z_hostZ_power(struct Z_host_instance_t *host, u32 on) {
  (void)host;
  card_view.on = on != 0;
  port_power(card_view.on);
}
