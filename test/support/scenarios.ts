// The scenario files of test/scenarios, and a fresh card for each.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import type { Script } from "../../sim/session/playing.js";
import { Session } from "../../sim/session/session.js";

const FOLDER = join(ROOT, "test", "scenarios");

/** Every scenario, named by the path of its file from the top folder. */
export function scenarios(): Script[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".dsc"));
  return names.sort().map((name) => ({
    name: `test/scenarios/${name}`,
    lines: readFileSync(join(FOLDER, name), "utf8").split(/\r?\n/),
  }));
}

/** A session on a fresh card of `module`. Scenarios set their own seed, and open no files. */
export function freshSession(module: WebAssembly.Module): Session {
  return new Session({
    module,
    seed: 0,
    openFlash: (file) => {
      throw new Error(`a scenario opens no file: ${file}`);
    },
  });
}
