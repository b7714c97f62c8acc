// Programs with an injected fault or event: code that Node runs before theirs.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Writes `code`, an ES module, into `folder`. Returns the environment to run it in. It can change what Node brings and packages
 * outside of the bundle, not the program's own modules.
 */
export function preload(folder: string, name: string, code: string): NodeJS.ProcessEnv {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `${code}\n`);
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
