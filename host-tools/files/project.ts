// Where the project is, and which version of it this is.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder. This file runs from build/js/host-tools/files. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
/** What the set-up builds: the firmware, the compiled tools, the images of the board. */
export const BUILD = join(ROOT, "build");

/** The version in package.json. */
export function version(): string {
  return (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}
