// Where an emulated chip keeps the card's flash when its port has it in RAM (board/standins/flash.c).

import type { Emulator } from "./port.js";

/** What follows a flash that is in use: "CARD". */
const MARK = 0x44524143;
const FLASH_SIZE = 4096;

/** For a chip whose RAM begins at `ram`; `flash` is the memory `card` of its image.ld, and the end of what is wiped. */
export function flashInRam(ram: number, flash: number): Pick<Emulator, "flash" | "ram" | "fill"> {
  return {
    flash,
    ram: { address: ram, size: flash - ram },
    fill: { before: [], after: [[flash + FLASH_SIZE, MARK]] },
  };
}
