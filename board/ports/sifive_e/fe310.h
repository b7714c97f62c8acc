/*
 * The registers of the FE310-G000 that this port uses (SiFive FE310-G000 Manual v3p2; chapter in brackets).
 */
#ifndef DSC_FE310_H
#define DSC_FE310_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* CLINT [9]: the time and the time of its interrupt, each of 64 bits in two words */
#define CLINT_COMPARE REGISTER(0x02004000)
#define CLINT_COMPARE_HIGH REGISTER(0x02004004)
#define CLINT_TIME REGISTER(0x0200bff8)
#define CLINT_TIME_HIGH REGISTER(0x0200bffc)

/* PLIC [10] */
#define PLIC_PRIORITY(source) REGISTER(0x0c000000 + 4 * (source))
#define PLIC_ENABLE REGISTER(0x0c002000)
#define PLIC_THRESHOLD REGISTER(0x0c200000)
#define PLIC_CLAIM REGISTER(0x0c200004)
#define UART_SOURCE 3u

/* UART0 [18] */
#define UART_SEND REGISTER(0x10013000)
#define UART_RECEIVE REGISTER(0x10013004)
#define UART_SEND_CONTROL REGISTER(0x10013008)
#define UART_RECEIVE_CONTROL REGISTER(0x1001300c)
#define UART_INTERRUPTS REGISTER(0x10013010)
#define UART_DIVISOR REGISTER(0x10013018)
/* In UART_SEND: no room. In UART_RECEIVE: no byte. */
#define UART_NONE (1u << 31)
#define UART_ENABLED 1u
#define UART_RECEIVE_INTERRUPT (1u << 1)

/* Of the core: interrupts in mie */
#define MIE_TIMER (1u << 7)
#define MIE_EXTERNAL (1u << 11)

#endif
