// The port to QEMU's sifive_e.

import { RISC_V } from "../../builder/cores.js";
import type { Port } from "../../builder/port.js";

/** The card's flash is in RAM, behind what is wiped; a mark follows it (board/standins/flash.c). */
const RAM = 0x80000000;
const FLASH = 0x80002c00;
const MARK = 0x44524143;

export const PORT: Port = {
  title: "sifive_e in QEMU (FE310, RV32IMAC)",
  core: RISC_V,
  // Of this version of the instruction set, whose "I" has the registers that the start uses.
  flags: ["-march=rv32imac", "-mabi=ilp32", "-misa-spec=2.2"],
  sources: ["board/standins"],
  limits: { flash: 44 * 1024, ram: 6 * 1024 },
  emulator: {
    machine: "sifive_e",
    // 16 MHz
    speed: 6,
    dropsOutput: true,
    flash: FLASH,
    ram: { address: RAM, size: FLASH - RAM },
    fill: { before: [], after: [[FLASH + 4096, MARK]] },
    // The CLINT's time, which nobody sets; QEMU 7.2 counts at 10 MHz.
    timer: { start: [], value: 0x0200bff8, ticksPerMs: 10_000 },
  },
};
