// Runs before `npm pack`: removes compiled files whose sources were deleted, and writes the man pages. So the package
// contains only files that the current sources make.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BUILD, ROOT } from "../host-tools/files/project.js";
import { manPages } from "./manpages.js";

const COMPILED = join(BUILD, "js");
const MAN = join(BUILD, "man");
/** The top folders whose code is in the package. */
const PACKED = ["firmware", "host-tools", "sim"];
/** Folders of bundles; the bundler removes old files there. */
const BUNDLES = "bundle";
const MADE_OF_A_SOURCE = /(?:\.d\.ts|\.js|\.js\.map)$/;

function removeStale(): void {
  for (const folder of PACKED) {
    for (const name of readdirSync(join(COMPILED, folder), { recursive: true, encoding: "utf8" })) {
      if (!MADE_OF_A_SOURCE.test(name) || basename(dirname(name)) === BUNDLES) continue;
      const source = join(ROOT, folder, name.replace(MADE_OF_A_SOURCE, ".ts"));
      if (!existsSync(source)) rmSync(join(COMPILED, folder, name), { force: true });
    }
  }
}

async function writeManPages(): Promise<void> {
  rmSync(MAN, { recursive: true, force: true });
  mkdirSync(MAN, { recursive: true });
  for (const [name, text] of await manPages()) writeFileSync(join(MAN, name), text);
}

removeStale();
await writeManPages();
