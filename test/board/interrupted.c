/*
 * A main whose SysTick is the port's own and comes all the time, and which resets the card in the middle of that.
 */
#include "cortexm/start.h"
#include "port.h"

/* Of the core [ARMv6-M Architecture Reference Manual, B3.3]: cycles between two, and on, with an interrupt, by the core. */
#define SYST_CSR (*(volatile uint32_t *)0xe000e010)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014)
#define PERIOD 800u
#define ENABLED 7u

volatile uint32_t ticks;

void port_systick(void) {
  ticks++;
}

int main(void) {
  SYST_RVR = PERIOD;
  SYST_CSR = ENABLED;
  while (ticks < 5) {
  }
  port_reset();
}
