/*
 * A port's handlers for the exceptions of the core that it may use. Each counts its calls.
 */
#include <stdint.h>

#include "cortexm/start.h"

volatile uint32_t handled[5];

void port_nmi(void) { handled[0]++; }
void port_svcall(void) { handled[1]++; }
void port_debug_monitor(void) { handled[2]++; }
void port_pendsv(void) { handled[3]++; }
void port_systick(void) { handled[4]++; }
