/*
 * The functions that a port implements. docs/PORTING.md explains them one by one.
 *
 * The main loop calls them, never an interrupt. Each returns when it is done, but port_reset never returns, and a fault
 * may call it. Times are in milliseconds. A port is correct if `npm run conformance -- --port P` passes on it.
 */
#ifndef DSC_PORT_H
#define DSC_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The card's flash: NOR pages, byte addresses from 0 (docs/FLASH.md). */
#define PORT_FLASH_PAGES 4u
#define PORT_FLASH_PAGE_SIZE 1024u
#define PORT_FLASH_SIZE (PORT_FLASH_PAGES * PORT_FLASH_PAGE_SIZE)

/* The characters of the screen. */
#define PORT_SCREEN_WIDTH 8u

/* Starts clocks, pins, serial line and screen. It is the first call, and happens once. */
void port_start(void);

/* ---- time ---- */

/* Milliseconds since port_start; wraps at 2^32. */
uint32_t port_clock(void);

/*
 * Sleeps until `ms` passed, a byte arrived or a contact may have moved, whichever is first. Waking earlier is allowed.
 * `ms` is at most a day (86,400,000); with a shorter timer, wake earlier.
 */
void port_sleep(uint32_t ms);

/* ---- keys, screen, supply ---- */

/* The raw contacts, not debounced: bit n is set if contact n is closed (0-9 the digits, 10 OK, 11 PRESS). */
uint32_t port_keys(void);

/* Shows eight ASCII characters (not terminated). Eight blanks turn the screen dark. */
void port_display(const uint8_t *text);

/*
 * The supply voltage in mV, or 0 if it cannot be measured. Called before each programmed word, so it should take at
 * most 0.1 ms.
 */
uint32_t port_battery(void);

/*
 * The card turned on or off. While it is off, nothing is due until a contact moves or a byte arrives, so a port may
 * sleep deeper.
 */
void port_power(bool on);

/* ---- serial line: 115200 baud, 8N1, no flow control ---- */

/* Sends `length` bytes, waiting for room. */
void port_send(const uint8_t *bytes, size_t length);

/*
 * The next received byte, or -1. A port must keep at least PORT_RECEIVE_ROOM bytes that arrive while the card computes.
 */
int port_receive(void);
#define PORT_RECEIVE_ROOM 64u

/* ---- random ---- */

/* Fills `length` bytes from the hardware's random source. Returns false if it failed. */
bool port_random(uint8_t *into, size_t length);

/* ---- flash ---- */

/* Copies `length` bytes, starting at byte `address`. The caller has checked that they are in the flash. */
void port_flash_read(uint32_t address, uint8_t *into, size_t length);

/*
 * Programs the aligned word at `address`: bits change from 1 to 0. A word is programmed at most twice between erases,
 * the second time with zero, and once more for each power failure in between.
 */
void port_flash_program(uint32_t address, uint32_t word);

/* Erases a page: all its bits become 1. */
void port_flash_erase(uint32_t page);

/* ---- forgetting ---- */

/* Wipes the unused part of the stack, and the registers that a call need not preserve. */
void port_forget(void);

/* Wipes all RAM and restarts as after power-on. */
_Noreturn void port_reset(void);

#endif
