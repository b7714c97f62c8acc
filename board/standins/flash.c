/*
 * The card's flash in RAM that a reset does not wipe. It is lost with the supply.
 */
#include <string.h>

#include "port.h"
#include "standins.h"

/* The mark behind pages that are in use: "CARD". (The emulator writes it behind a flash that it fills.) */
#define MARK 0x44524143u

static struct {
  uint8_t bytes[PORT_FLASH_SIZE];
  uint32_t mark;
} standin_flash __attribute__((section(".card")));

void standin_flash_start(void) {
  if (standin_flash.mark == MARK) return;
  memset(standin_flash.bytes, 0xff, sizeof standin_flash.bytes);
  standin_flash.mark = MARK;
}

void port_flash_read(uint32_t address, uint8_t *into, size_t length) {
  memcpy(into, standin_flash.bytes + address, length);
}

void port_flash_program(uint32_t address, uint32_t word) {
  uint32_t old;
  memcpy(&old, standin_flash.bytes + address, sizeof old);
  old &= word;
  memcpy(standin_flash.bytes + address, &old, sizeof old);
}

void port_flash_erase(uint32_t page) {
  memset(standin_flash.bytes + page * PORT_FLASH_PAGE_SIZE, 0xff, PORT_FLASH_PAGE_SIZE);
}
