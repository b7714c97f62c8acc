// A register as a command is given it: a file, and files of its keys.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { initRegister } from "../../host-tools/desk/register/initialize.js";
import { openEngine } from "../../host-tools/desk/register/open.js";
import { pattern } from "./pattern.js";

export const CUSTODY = { site: pattern(32, 201), desk: pattern(32, 202), journal: pattern(32, 203) } as const;

/** Makes the register in the folder, and returns the options that name it and its keys. */
export async function registerFiles(folder: string, name = "register"): Promise<string[]> {
  const where = join(folder, `${name}.db`);
  const engine = await openEngine(where, { create: true });
  await initRegister(engine, { ...CUSTODY }, "anna");
  await engine.close();
  const keys = Object.entries(CUSTODY).flatMap(([kind, key]) => {
    const path = join(folder, `${name}.${kind}.key`);
    writeFileSync(path, `${key.toString("hex")}\n`, { mode: 0o600 });
    return [`--${kind}-key`, path];
  });
  return ["--register", where, ...keys];
}
