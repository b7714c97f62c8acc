// The port to QEMU's netduino2.

import { CORTEX_M } from "../cores.js";
import { flashInRam } from "../flashinram.js";
import type { Port } from "../port.js";

/** TIM4 (RM0033, 14). QEMU gives it 32 bits, as it does TIM5, and 1 GHz before its prescaler. */
const TIM4 = { count: 0x40000824, prescaler: 0x40000828 };

/** CR1 of USART1 (RM0033, 24): enabled, and receiving. */
const USART1 = { control: 0x4001100c, enabled: 1 << 13, receives: 1 << 2 };

export const PORT: Port = {
  title: "netduino2 in QEMU (STM32F205, Cortex-M3)",
  core: CORTEX_M,
  flags: ["-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"],
  sources: ["board/standins"],
  limits: { flash: 44 * 1024, ram: 6 * 1024 },
  emulator: {
    machine: "netduino2",
    // 120 MHz
    speed: 3,
    listens: { register: USART1.control, bits: USART1.enabled | USART1.receives },
    ...flashInRam(0x20000000, 0x2001e000),
    timer: { start: [[TIM4.prescaler, 999]], value: TIM4.count, ticksPerMs: 1000 },
    faults: {
      slowTimer: { from: "TIM5_PSC = TIMER_MHZ - 1", to: "TIM5_PSC = 2 * TIMER_MHZ - 1" },
      lostBytes: {
        from: "ring_put(&ring, (uint8_t)USART_DR)",
        to: "static uint32_t count; const uint32_t byte = USART_DR; if (++count % 200) ring_put(&ring, (uint8_t)byte)",
      },
    },
  },
};
