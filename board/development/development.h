/*
 * What a development image can do and a production image cannot (docs/PROTOCOL.md, "Development"): over channel 1 its
 * clock, battery, random source and flash are somebody else's to command. In production all of it is nothing.
 */
#ifndef DSC_DEVELOPMENT_H
#define DSC_DEVELOPMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1 in development images, which have the front panel too; 0 in production. */
#ifndef DEVELOPMENT
#error "DEVELOPMENT is 0 or 1"
#endif

#if DEVELOPMENT

#include <setjmp.h>

/* A power cut abandons the call into the module and goes on here, in the main loop. */
extern jmp_buf development_cut;
#define DEVELOPMENT_CUT_LANDS_HERE() \
  do {                               \
    if (setjmp(development_cut)) development_land(); \
  } while (0)

/* Ends what the cut interrupted. */
void development_land(void);

/* Takes a byte that arrived, after the card had it; `due` is when the card wants to be called again. */
void development_receive(uint8_t byte, uint32_t *due);

/* Whether time passes by command only. */
bool development_holds_time(void);

/* Whether there is a battery. */
bool development_has_power(void);

/* The battery in mV: as commanded, else `measured`. */
uint32_t development_battery(uint32_t (*measured)(void));

/* Fills `into` where the random source was seeded. False: ask the hardware. */
bool development_random(uint8_t *into, size_t length);

/* Counts down to a cut; one that is due happens before the operation or in the middle of it, and does not return. */
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
