/* A meter's serial line and its clock, straight from the registers. */
#include "line.h"

#include "ports/microbit/nrf51.h"
#include "ports/microbit/pins.h"
#include "ports/microbit/uart.h"

void line_start(void) {
  TIMER_BITMODE = TIMER_32_BITS;
  TIMER_PRESCALER = 0;
  TIMER_TASKS_CLEAR = 1;
  TIMER_TASKS_START = 1;
  UART_PSELTXD = TXD_PIN;
  UART_PSELRXD = RXD_PIN;
  UART_BAUDRATE = UART_115200_BAUD;
  UART_ENABLE = UART_ENABLED;
  UART_TASKS_STARTTX = 1;
  UART_TASKS_STARTRX = 1;
}

uint8_t line_byte(void) {
  while (!UART_EVENTS_RXDRDY) {
  }
  UART_EVENTS_RXDRDY = 0;
  return (uint8_t)UART_RXD;
}

uint32_t line_word(void) {
  uint32_t word = 0;
  for (unsigned shift = 0; shift < 32; shift += 8) word |= (uint32_t)line_byte() << shift;
  return word;
}

void line_send(const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) uart_send(((const uint8_t *)bytes)[i]);
}

uint32_t line_ticks(void) {
  TIMER_TASKS_CAPTURE(1) = 1;
  return TIMER_CC(1);
}

uint8_t line_request(void) {
  const uint8_t operation = line_byte();
  TIMER_TASKS_CLEAR = 1;
  return operation;
}
