// The port to QEMU's sifive_e.

import { RISC_V } from "../cores.js";
import { flashInRam } from "../flashinram.js";
import type { Port } from "../port.js";

export const PORT: Port = {
  title: "sifive_e in QEMU (FE310, RV32IMAC)",
  core: RISC_V,
  // This version of the instruction set, since its "I" includes the registers that the start uses.
  flags: ["-march=rv32imac", "-mabi=ilp32", "-misa-spec=2.2"],
  sources: ["board/standins"],
  limits: { flash: 44 * 1024, ram: 6 * 1024 },
  emulator: {
    machine: "sifive_e",
    // 16 MHz
    speed: 6,
    dropsOutput: true,
    ...flashInRam(0x80000000, 0x80002c00),
    // The CLINT's time, which no image sets; QEMU 7.2 counts at 10 MHz.
    timer: { start: [], value: 0x0200bff8, ticksPerMs: 10_000 },
    faults: {
      slowTimer: { from: "#define TICKS_PER_MS 10000u", to: "#define TICKS_PER_MS 20000u" },
      lostBytes: {
        from: "ring_put(&ring, (uint8_t)byte)",
        to: "static uint32_t count; if (++count % 200) ring_put(&ring, (uint8_t)byte)",
      },
    },
  },
};
