// The tables of a register in its engine, as text: columns with their types and constraints, and indexes.

import { type Kysely, sql } from "kysely";
import type { Engine } from "../../host-tools/desk/register/engine.js";
import type { Tables } from "../../host-tools/desk/register/schema.js";

/** A line for each column, constraint and index, in order. */
export async function tablesOf(engine: Engine): Promise<string> {
  const lines = await engine.read((db) => (engine.kind === "sqlite" ? sqliteLines(db) : postgresLines(db)));
  return `${lines.join("\n")}\n`;
}

/** The statements that made them, which SQLite keeps. */
async function sqliteLines(db: Kysely<Tables>): Promise<string[]> {
  const query = sql<{ text: string }>`
    select sql as text from sqlite_master where sql is not null and name not like 'sqlite_%' order by type, name`;
  return (await query.execute(db)).rows.map(({ text }) => text);
}

/** Since version 18 the server also lists NOT NULL as constraints: those are already in the columns. */
async function postgresLines(db: Kysely<Tables>): Promise<string[]> {
  const queries = [
    sql<{ text: string }>`
      select concat_ws(' ', table_name, column_name, data_type, 'nullable ' || is_nullable, 'default ' || column_default,
        'identity ' || identity_generation) as text
      from information_schema.columns where table_schema = current_schema() order by table_name, ordinal_position`,
    sql<{ text: string }>`
      select concat_ws(' ', class.relname, constraints.conname, pg_get_constraintdef(constraints.oid)) as text
      from pg_constraint constraints join pg_class class on class.oid = constraints.conrelid
      where constraints.connamespace = current_schema()::regnamespace and constraints.contype <> 'n' order by 1`,
    sql<{ text: string }>`
      select replace(indexdef, current_schema() || '.', '') as text
      from pg_indexes where schemaname = current_schema() order by indexname`,
  ];
  const lines: string[] = [];
  for (const query of queries) lines.push(...(await query.execute(db)).rows.map(({ text }) => text));
  return lines;
}
