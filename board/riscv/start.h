/* What a port to a RISC-V gives the start. */
#ifndef DSC_START_H
#define DSC_START_H

/* Called for every interrupt that the port enabled; with this attribute the compiler keeps registers and returns. */
__attribute__((interrupt)) void port_interrupt(void);

#endif
