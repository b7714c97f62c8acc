// A register as a command gets it: a file, and key files; and reads of its contents afterwards.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CardRecord } from "../../host-tools/desk/keyregister.js";
import { openEngine } from "../../host-tools/desk/register/open.js";
import { Register } from "../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../host-tools/desk/register/seedingdesk.js";
import { KEYS, newRegister } from "./openregister.js";

/** Tables about cards. Claims are left out, since they come and go. */
const TABLES = ["cards", "keys", "orders", "challenges", "journal", "settings"] as const;

/** Makes the register in the folder, filled by `fill`. Returns the options that name it and its keys. */
export async function registerFiles(
  folder: string,
  name = "register",
  fill: (register: Register) => Promise<void> = async () => {},
): Promise<string[]> {
  const where = join(folder, `${name}.db`);
  const register = await newRegister(where);
  await fill(register);
  await register.close();
  const keys = Object.entries(KEYS).flatMap(([kind, key]) => {
    const path = join(folder, `${name}.${kind}.key`);
    writeFileSync(path, `${key.toString("hex")}\n`, { mode: 0o600 });
    return [`--${kind}-key`, path];
  });
  return ["--register", where, ...keys];
}

/** The record of a card whose keys the register in the file has. */
export function recordIn(path: string, serial: string): Promise<CardRecord> {
  return opened(path, async (register) => {
    const found = await new SeedingDesk(register, "a test").find(serial);
    if (!found || !("key" in found)) throw new Error(`${serial}: the register has no keys`);
    return found;
  });
}

/** The tables about cards of the register in the file, as text. */
export function tablesIn(path: string): Promise<string> {
  return opened(path, ({ engine }) =>
    engine.read(async (db) => {
      const tables = [];
      for (const table of TABLES) tables.push(await db.selectFrom(table).selectAll().execute());
      return JSON.stringify(tables);
    }),
  );
}

async function opened<T>(path: string, use: (register: Register) => Promise<T>): Promise<T> {
  const register = await Register.open(await openEngine(path), { ...KEYS }, "anna");
  try {
    return await use(register);
  } finally {
    await register.close();
  }
}
