/*
 * The micro:bit port in a production image, with peripherals that fail. Their registers are variables here. Prints one
 * line per result.
 */
#include "ports/microbit/nrf51.h"

#undef ADC_CONFIG
#undef ADC_EVENTS_END
#undef RNG_VALUE
#undef UICR_RBPCONF
#undef POWER_GPREGRET

static volatile uint32_t adc_config, adc_end, random_value, protected = 0xffffffffu, retained;

#define ADC_CONFIG adc_config
#define ADC_EVENTS_END adc_end
#define RNG_VALUE random_value
#define UICR_RBPCONF protected
#define POWER_GPREGRET retained

#include "ports/microbit/port.c"

static void say(const char *text) {
  for (; *text; text++) port_send((const uint8_t *)text, 1);
}

int main(void) {
  uint8_t bytes[4];
  start_clock();
  uart_start();
  say(port_battery() == 0 ? "no supply\n" : "a supply\n");
  say(port_random(bytes, sizeof bytes) ? "random\n" : "not random\n");
  retained = NOTE_OF_RESET;
  protect();
  say(protected == RBPCONF_PROTECT_ALL ? "closed, and on\n" : "open\n");
  protected = 0xffffffffu;
  retained = 0;
  protect();
  say("no reset\n");
  for (;;) {
  }
}
