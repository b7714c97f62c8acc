/* The interrupts of the netduino2 port. */
#include "cortexm/start.h"
#include "stm32f2.h"

void usart_interrupt(void);

INTERRUPT_VECTORS = {
    [USART_IRQ] = usart_interrupt,
};
