/*
 * The registers of the STM32F205 that this port uses (RM0033, chapter in brackets).
 */
#ifndef DSC_STM32F2_H
#define DSC_STM32F2_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* TIM5, 32 bits [14] */
#define TIM5_CR1 REGISTER(0x40000c00)
#define TIM5_EGR REGISTER(0x40000c14)
#define TIM5_CNT REGISTER(0x40000c24)
#define TIM5_PSC REGISTER(0x40000c28)
#define TIM_ENABLE (1u << 0)
#define TIM_UPDATE (1u << 0)

/* USART1 [24] */
#define USART_SR REGISTER(0x40011000)
#define USART_DR REGISTER(0x40011004)
#define USART_BRR REGISTER(0x40011008)
#define USART_CR1 REGISTER(0x4001100c)
#define USART_RECEIVED (1u << 5)
#define USART_CAN_SEND (1u << 7)
#define USART_RECEIVES (1u << 2)
#define USART_SENDS (1u << 3)
#define USART_RECEIVE_INTERRUPT (1u << 5)
#define USART_ENABLED (1u << 13)
#define USART_IRQ 37u

/* Of the core [ARMv7-M Architecture Reference Manual, B3.3, B3.4] */
#define SYSTICK_CONTROL REGISTER(0xe000e010)
#define SYSTICK_RELOAD REGISTER(0xe000e014)
#define SYSTICK_VALUE REGISTER(0xe000e018)
/* Counts cycles of the core, interrupts at zero. */
#define SYSTICK_RUNS 7u
#define NVIC_ENABLE(irq) (REGISTER(0xe000e100 + 4 * ((irq) / 32)) = 1u << (irq) % 32)
#define NVIC_DISABLE(irq) (REGISTER(0xe000e180 + 4 * ((irq) / 32)) = 1u << (irq) % 32)

#endif
