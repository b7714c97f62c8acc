/*
 * The template of a port, with only the two functions of a serial line added, which are the micro:bit's here.
 */
#define port_start template_start
#define port_send template_send
#define port_receive template_receive
#include "ports/template/port.c"
#undef port_start
#undef port_send
#undef port_receive

#include "ports/microbit/pins.h"
#include "ports/microbit/uart.h"

void port_start(void) {
  template_start();
  UART_PSELTXD = TXD_PIN;
  UART_PSELRXD = RXD_PIN;
  UART_BAUDRATE = UART_115200_BAUD;
  UART_ENABLE = UART_ENABLED;
  UART_TASKS_STARTTX = 1;
  UART_TASKS_STARTRX = 1;
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) uart_send(bytes[i]);
}

int port_receive(void) {
  if (!UART_EVENTS_RXDRDY) return -1;
  UART_EVENTS_RXDRDY = 0;
  return (int)(UART_RXD & 0xff);
}
