// Programs with an injected fault or event: code that Node runs before theirs.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../host-tools/files/project.js";

const COMMANDER = pathToFileURL(join(ROOT, "node_modules", "commander", "esm.mjs")).href;

/** Writes `code`, an ES module that may use commander's `Command`, into `folder`. Returns the environment to run it in. */
export function preload(folder: string, name: string, code: string): NodeJS.ProcessEnv {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `import { Command } from ${JSON.stringify(COMMANDER)};\nvoid Command;\n${code}\n`);
  return { ...process.env, NODE_OPTIONS: `--import=${pathToFileURL(path).href}` };
}

/** Runs when the program has begun to listen for Ctrl-C. */
export function onceListening(code: string): string {
  return `
    const on = process.on;
    process.on = function (name, listener) {
      on.call(process, name, listener);
      if (name === "SIGINT") { ${code} }
      return process;
    };`;
}
