// Values that a register has once, stored by name.

import type { Kysely } from "kysely";
import type { Tables } from "./schema.js";

/** The names that are read and written directly; the others are in register.ts. */
export type MetaName =
  /** The register's id (open.ts). */
  | "register"
  /** The entry up to which the journal goes (journal.ts). */
  | "journal-position"
  /** The latest time that the register has seen (registerclock.ts). */
  | "clock";

/** A value that a register has once. */
export interface MetaRow {
  readonly name: string;
  readonly value: Uint8Array;
}

export async function getMeta(db: Kysely<Tables>, name: MetaName): Promise<Buffer | undefined> {
  const row = await db.selectFrom("meta").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value;
}

export function putMeta(db: Kysely<Tables>, name: MetaName, value: Uint8Array): Promise<void> {
  return putRow(db, { name, value });
}

export async function putRow(db: Kysely<Tables>, { name, value }: MetaRow): Promise<void> {
  await db
    .insertInto("meta")
    .values({ name, value })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
    .execute();
}
