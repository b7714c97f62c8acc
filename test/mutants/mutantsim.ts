// `dsc-sim` with a mutant instead of the firmware: programs that are started in this environment load the mutant.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import { preload } from "../support/preload.js";
import { compileBinary } from "./apply.js";
import { MODEL_MUTANTS } from "./model.js";

/** Compiles a mutant of the model into `folder`. Returns the environment in which it is the firmware. */
export async function mutantEnvironment(folder: string, name: string): Promise<NodeJS.ProcessEnv> {
  const mutant = MODEL_MUTANTS[name]?.mutant;
  if (!mutant) throw new Error(`${name}: no such mutant`);
  const file = join(folder, "mutant.wasm");
  writeFileSync(file, await compileBinary(mutant));
  const [firmware, instead] = [FIRMWARE_FILE, file].map((path) => JSON.stringify(path));
  return preload(
    folder,
    "mutant",
    `import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const read = fs.readFileSync;
    fs.readFileSync = (path, ...rest) => read(path === ${firmware} ? ${instead} : path, ...rest);
    syncBuiltinESMExports();`,
  );
}
