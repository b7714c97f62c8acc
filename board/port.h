/*
 * What a port gives the card: docs/PORTING.md takes an engineer through these functions one by one.
 *
 * One thread calls them, no interrupt does, and each returns when it is done; only port_reset never returns, and may be
 * called from a fault. Times are in milliseconds. A port is right when `npm run conformance -- --port P` passes on it.
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

/* Brings up clocks, pins, serial line and screen. Called once, first. */
void port_start(void);

/* ---- time ---- */

/* Milliseconds since port_start; wraps at 2^32. */
uint32_t port_clock(void);

/*
 * Sleeps until `ms` passed, a byte arrived or a contact may have moved, whichever is first; earlier does no harm. `ms` is
 * a day (86,400,000) at most: a timer that does not reach so far wakes earlier.
 */
void port_sleep(uint32_t ms);

/* ---- keys, screen, supply ---- */

/* The contacts now, bounce and all: bit n set where contact n is closed (0-9 the digits, 10 OK, 11 PRESS). */
uint32_t port_keys(void);

/* Shows eight ASCII characters (not terminated). All blanks: the screen is dark. */
void port_display(const uint8_t *text);

/* The supply voltage, in mV; 0 where it cannot be measured. Asked before each word that is programmed: 0.1 ms is well. */
uint32_t port_battery(void);

/* The card turned on or off. Off, nothing is due until a contact moves or a byte arrives: a port may sleep deeper. */
void port_power(bool on);

/* ---- serial line: 115200 baud, 8N1, no flow control ---- */

/* Sends `length` bytes, waiting for room. */
void port_send(const uint8_t *bytes, size_t length);

/* The next byte that arrived, or -1. Bytes that arrive while the card computes must be kept: PORT_RECEIVE_ROOM at least. */
int port_receive(void);
#define PORT_RECEIVE_ROOM 64u

/* ---- random ---- */

/* Fills `length` bytes from the hardware source. False where it failed. */
bool port_random(uint8_t *into, size_t length);

/* ---- flash ---- */

/* Copies `length` bytes from byte `address` on. The caller has checked that they are in the flash. */
void port_flash_read(uint32_t address, uint8_t *into, size_t length);

/*
 * Programs the aligned word at `address`: bits go from 1 to 0. Twice between erases at most, the second time zero; once
 * more for each time that power failed in between.
 */
void port_flash_program(uint32_t address, uint32_t word);

/* Erases a page: all its bits become 1. */
void port_flash_erase(uint32_t page);

/* ---- forgetting ---- */

/* Wipes what calls that have returned left on the stack, and in registers that nobody keeps. */
void port_forget(void);

/* Wipes all RAM and starts again as after power-on. */
_Noreturn void port_reset(void);

#endif
