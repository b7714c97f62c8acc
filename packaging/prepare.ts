// Runs before `npm pack`: the package is what the sources make, and nothing else. Removes what was compiled from sources that
// are gone, and writes the man pages.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BUILD, ROOT } from "../host-tools/files/project.js";
import { manPages } from "./manpages.js";

const COMPILED = join(BUILD, "js");
const MAN = join(BUILD, "man");
/** The top folders whose code the package has. */
const PACKED = ["firmware", "host-tools", "sim"];
/** Folders of files that are put together of many modules; their builder removes what is old. */
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
