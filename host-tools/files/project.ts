// The location and the version of the project.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder. This file runs from build/js/host-tools/files. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
/** The output of the set-up: the firmware, the compiled tools, the images of the board. */
export const BUILD = join(ROOT, "build");

/** The version in package.json. */
export function version(): string {
  return (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}
