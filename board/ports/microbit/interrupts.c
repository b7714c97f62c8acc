/* The interrupts of the microbit port. */
#include "cortexm/start.h"
#include "nrf51.h"

void uart_interrupt(void);
void timer_interrupt(void);

INTERRUPT_VECTORS = {
    [UART_IRQ] = uart_interrupt,
    [TIMER_IRQ] = timer_interrupt,
};
