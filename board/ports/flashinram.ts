// The location of the card's flash in an emulated chip whose port keeps it in RAM (board/standins/flash.c).

import type { Emulator } from "./port.js";

/** The mark behind a flash that is in use: "CARD". */
const MARK = 0x44524143;
const FLASH_SIZE = 4096;

/**
 * For a chip whose RAM begins at `ram`. `flash` is the address of the memory `card` of its image.ld, at which the wiped
 * RAM ends.
 */
export function flashInRam(ram: number, flash: number): Pick<Emulator, "flash" | "ram" | "fill"> {
  return {
    flash,
    ram: { address: ram, size: flash - ram },
    fill: { before: [], after: [[flash + FLASH_SIZE, MARK]] },
  };
}
