/*
 * Commands of development images (docs/PROTOCOL.md, "Development"): on channel 1 they control clock, battery, random
 * source and flash. In production these functions are empty.
 */
#ifndef DSC_DEVELOPMENT_H
#define DSC_DEVELOPMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1 in development images, which also have the front panel; 0 in production. */
#ifndef DEVELOPMENT
#error "DEVELOPMENT is 0 or 1"
#endif

#if DEVELOPMENT

#include <setjmp.h>

/* A power cut abandons the call into the module and continues here, in the main loop. */
extern jmp_buf development_cut;
#define DEVELOPMENT_CUT_LANDS_HERE() \
  do {                               \
    if (setjmp(development_cut)) development_land(); \
  } while (0)

/* Cleans up after a power cut. */
void development_land(void);

/* Takes a received byte, after the card had it. `due` is the time until the card's next call. */
void development_receive(uint8_t byte, uint32_t *due);

/* Whether time passes only by command. */
bool development_holds_time(void);

/* Whether there is a battery. */
bool development_has_power(void);

/* The battery in mV: the commanded value, else the measured one. */
uint32_t development_battery(uint32_t (*measured)(void));

/* Fills `into` if the random source was seeded. Returns false if the caller must use the hardware's. */
bool development_random(uint8_t *into, size_t length);

/* Counts down to a cut. A cut that is due happens before or inside the operation, and then these do not return. */
void development_before_program(uint32_t address, uint32_t word);
void development_before_erase(uint32_t page);

#else

#define DEVELOPMENT_CUT_LANDS_HERE() (void)0

static inline void development_receive(uint8_t byte, uint32_t *due) {
  (void)byte, (void)due;
}

static inline bool development_holds_time(void) {
  return false;
}

static inline bool development_has_power(void) {
  return true;
}

static inline uint32_t development_battery(uint32_t (*measured)(void)) {
  return measured();
}

static inline bool development_random(uint8_t *into, size_t length) {
  (void)into, (void)length;
  return false;
}

static inline void development_before_program(uint32_t address, uint32_t word) {
  (void)address, (void)word;
}

static inline void development_before_erase(uint32_t page) {
  (void)page;
}

#endif

#endif
