// Settings of the register: their names, what they are for, and what they are unless somebody sets them.

import type { Kysely } from "kysely";
import type { Tables } from "./schema.js";

export const SETTINGS = {
  "serial.first": "IB3000001",
} as const;

export type SettingName = keyof typeof SETTINGS;

export async function settingOf(db: Kysely<Tables>, name: SettingName): Promise<string> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value ?? SETTINGS[name];
}
