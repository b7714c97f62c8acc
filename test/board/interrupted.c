/*
 * A main with a SysTick handler of its own, whose interrupts come all the time. It resets the card between them.
 */
#include "cortexm/start.h"
#include "port.h"

/*
SysTick's registers [ARMv6-M Architecture Reference Manual, B3.3]: the period, and enabled, with interrupt, core clock.
*/
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
