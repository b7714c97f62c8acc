// A register as a command is given it: a file, and files of its keys.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KEYS, newRegister } from "./openregister.js";

/** Makes the register in the folder, and returns the options that name it and its keys. */
export async function registerFiles(folder: string, name = "register"): Promise<string[]> {
  const where = join(folder, `${name}.db`);
  await (await newRegister(where)).close();
  const keys = Object.entries(KEYS).flatMap(([kind, key]) => {
    const path = join(folder, `${name}.${kind}.key`);
    writeFileSync(path, `${key.toString("hex")}\n`, { mode: 0o600 });
    return [`--${kind}-key`, path];
  });
  return ["--register", where, ...keys];
}
