// The port to QEMU's netduino2.

import { CORTEX_M } from "../../builder/cores.js";
import type { Port } from "../../builder/port.js";

/** The card's flash is in RAM, behind what is wiped; a mark follows it (board/standins/flash.c). */
const RAM = 0x20000000;
const FLASH = 0x2001e000;
const MARK = 0x44524143;
/** TIM4 (RM0033, 14), which QEMU has in 32 bits as it has TIM5, before its prescaler at 1 GHz. */
const TIM4 = { count: 0x40000824, prescaler: 0x40000828 };

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
    flash: FLASH,
    ram: { address: RAM, size: FLASH - RAM },
    fill: { before: [], after: [[FLASH + 4096, MARK]] },
    timer: { start: [[TIM4.prescaler, 999]], value: TIM4.count, ticksPerMs: 1000 },
  },
};
