// The cores that have a start in board/, and the tools for each.

import type { Core } from "./port.js";

/** No core uses floating-point registers, because `port_forget` does not wipe them. */
export const CORTEX_M: Core = {
  start: "board/cortexm",
  compiler: "arm-none-eabi-gcc",
  flags: [],
  qemu: "qemu-system-arm",
  wait: "30bf",
  breakpoint: 2,
  programCounter: 15,
};

/**
 * Without jump tables, since a jump through a register prevents the analysis of the stack; and without data addressed
 * by gp, which the start does not set.
 */
export const RISC_V: Core = {
  start: "board/riscv",
  compiler: "riscv64-unknown-elf-gcc",
  flags: ["--specs=picolibc.specs", "-fno-jump-tables", "-msmall-data-limit=0"],
  qemu: "qemu-system-riscv32",
  wait: "73005010",
  breakpoint: 4,
  programCounter: 32,
};
