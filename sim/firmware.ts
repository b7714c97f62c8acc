// The compiled firmware, from the build folder.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The released module. This file runs from build/js/sim, the module lies in build. */
export const FIRMWARE_FILE = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dsc.wasm");

/** Compiles build/dsc.wasm. */
export function loadFirmware(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(FIRMWARE_FILE));
}
