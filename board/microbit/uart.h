/* The serial line of the microbit port. */
#ifndef DSC_UART_H
#define DSC_UART_H

#include <stdbool.h>

void uart_start(void);

/* Whether a byte waits. Right in and out of interrupts. */
bool uart_has_byte(void);

#endif
