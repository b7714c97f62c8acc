/* The functions that a port to a RISC-V provides for the start. */
#ifndef DSC_START_H
#define DSC_START_H

/*
 * Called for every interrupt that the port enabled. The attribute makes the compiler save the registers and return from
 * the interrupt.
 */
__attribute__((interrupt)) void port_interrupt(void);

#endif
