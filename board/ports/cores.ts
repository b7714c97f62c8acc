// The cores that have a start in board/, and the tools for each.

import type { Core } from "./port.js";

/** Floating-point registers are not used by any, because `port_forget` does not wipe them. */
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
 * Without tables for switches, since a jump through a register hides where the stack goes; and without data around gp,
 * which the start does not set.
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
