// The template of a port, here for the smallest core.

import { CORTEX_M } from "../cores.js";
import type { Port } from "../port.js";

export const PORT: Port = {
  title: "template of a port",
  core: CORTEX_M,
  flags: ["-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"],
  sources: ["board/segments.c", "board/standins"],
  limits: { flash: 48 * 1024, ram: 6 * 1024 },
};
