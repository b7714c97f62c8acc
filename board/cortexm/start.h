/* The vectors of a Cortex-M: those of the core are in start.c, those of the chip's interrupts are the port's. */
#ifndef DSC_START_H
#define DSC_START_H

/* Vectors before the first interrupt. */
#define CORE_VECTORS 16u

typedef void (*vector_t)(void);

/* The port's vectors, by interrupt number; sections.ld places them after the core's. */
#define INTERRUPT_VECTORS __attribute__((section(".vectors.interrupts"), used)) static const vector_t interrupts[]

/*
 * Exceptions of the core that a port may use: it defines the handler, and start.c puts it into the table. Without a
 * handler the exception is a fault. A fault wipes RAM and restarts the card; a port cannot change that.
 */
void port_nmi(void);
void port_svcall(void);
void port_debug_monitor(void);
void port_pendsv(void);
void port_systick(void);

#endif
