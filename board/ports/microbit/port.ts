// The port to the BBC micro:bit V1.

import { CORTEX_M } from "../cores.js";
import type { Port } from "../port.js";

/** The card's flash, and the page size of the chip's. */
const FLASH = 0x3f000;
const PAGE = 1024;
/** The flash controller's registers and their values (nrf51.h). */
const NVMC = { config: 0x4001e504, erasePage: 0x4001e508, readOnly: 0, write: 1, erase: 2 };
/** TIMER1 (nRF51 Series Reference Manual, 18), set to count microseconds in 32 bits as the port's TIMER0 is. */
const TIMER1 = {
  start: 0x40009000,
  capture: 0x40009040,
  bits: 0x40009508,
  prescaler: 0x40009510,
  captured: 0x40009540,
};

export const PORT: Port = {
  title: "BBC micro:bit V1 (nRF51822, Cortex-M0)",
  core: CORTEX_M,
  flags: ["-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"],
  sources: ["board/segments.c"],
  // The project's limits for a card on the micro:bit, which are below the chip's.
  limits: { flash: 44 * 1024, ram: 6 * 1024 },
  emulator: {
    machine: "microbit",
    // 16 MHz
    speed: 6,
    flash: FLASH,
    ram: { address: 0x20000000, size: 16384 },
    fill: {
      before: [
        [NVMC.config, NVMC.erase],
        ...[0, 1, 2, 3].map((page) => [NVMC.erasePage, FLASH + page * PAGE] as const),
        [NVMC.config, NVMC.write],
      ],
      after: [[NVMC.config, NVMC.readOnly]],
    },
    timer: {
      start: [
        [TIMER1.bits, 3],
        [TIMER1.prescaler, 4],
        [TIMER1.start, 1],
      ],
      capture: [TIMER1.capture, 1],
      value: TIMER1.captured,
      ticksPerMs: 1000,
    },
  },
};
