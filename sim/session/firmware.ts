// Loads the compiled firmware from the build folder.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BUILD } from "../../host-tools/files/project.js";

/** The released module. */
export const FIRMWARE_FILE = join(BUILD, "dsc.wasm");

/** Compiles build/dsc.wasm. */
export function loadFirmware(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(FIRMWARE_FILE));
}
