/* The serial line of the microbit port. */
#ifndef DSC_UART_H
#define DSC_UART_H

#include <stdbool.h>
#include <stdint.h>

#include "nrf51.h"

void uart_start(void);

/* Whether a byte waits. May be called with interrupts enabled or masked. */
bool uart_has_byte(void);

/* Sends a byte and waits until it has left. */
static inline void uart_send(uint8_t byte) {
  UART_EVENTS_TXDRDY = 0;
  UART_TXD = byte;
  while (!UART_EVENTS_TXDRDY) {
  }
}

#endif
