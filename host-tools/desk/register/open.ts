// Opens a register, after checking that the database is a register of a known version.
//
// A file of an older version is migrated at once, after a copy was made beside it. On a server, others may still use
// the older version, so an operator has to start the migration (dsc register migrate). A newer version is refused.

import { UsageError } from "../../files/errors.js";
import type { RetryingEngine } from "./adapter.js";
import type { Engine } from "./engine.js";
import { RegisterError } from "./errors.js";
import { applyMigrations, MIGRATIONS, type Migration, versionOf } from "./migrations.js";
import { copyTo, fileSystemType, keepLog, openSqlite } from "./sqlite.js";

export interface OpenOptions {
  /** Makes a register if there is none; an existing one is refused. */
  readonly create?: boolean;
  /** Migrates an older register on a server to this version. */
  readonly migrate?: boolean;
  /** How long a busy engine is retried (ms). */
  readonly wait?: number;
  /** The computer's time in ms since 1970, for SQLite, which has no clock. */
  readonly clock?: () => number;
  readonly migrations?: readonly Migration[];
  readonly fileSystemType?: (folder: string) => number;
}

const WAIT = 30_000;

/** The row of `meta` that has the register's id, 16 random bytes. */
export const REGISTER_ID = "register";

/** Opens the register in a file, or behind a postgres:// URL. Close it after use. If it fails, it leaves no new file. */
export async function openEngine(where: string, options: OpenOptions = {}): Promise<RetryingEngine> {
  const engine = await connect(where, options);
  try {
    await prepare(engine, options);
    return engine;
  } catch (error) {
    await engine.discard();
    throw error;
  }
}

/** Most registers are files, so the server's code is loaded only for a server. */
async function connect(where: string, options: OpenOptions): Promise<RetryingEngine> {
  const { create = false, wait = WAIT, clock = Date.now } = options;
  if (!/^postgres(ql)?:/i.test(where))
    return openFile(where, { create, wait, clock, fileSystemType: options.fileSystemType ?? fileSystemType });
  const { openPostgres } = await import("./postgres.js");
  return openPostgres(where, { wait });
}

/** A URL of another kind may contain a password, so the message does not repeat it. */
function openFile(where: string, options: Parameters<typeof openSqlite>[1]): Promise<RetryingEngine> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(where))
    throw new UsageError("this URL names no register; give a file or a postgres:// URL");
  return openSqlite(where, options);
}

async function prepare(engine: RetryingEngine, options: OpenOptions): Promise<void> {
  const { create = false, migrate = false, migrations = MIGRATIONS } = options;
  const { kind, where } = engine;
  const version = await engine.read((db) => versionOf(db, kind, where));
  if (version === undefined && !create)
    throw new RegisterError(
      `${where}: there is no register yet; dsc register init makes an empty one, dsc register restore one from a backup`,
      "missing",
    );
  if (create && version !== undefined && (await isInitialised(engine)))
    throw new RegisterError(`${where}: is already a register; nothing was changed`, "exists");
  if (kind === "sqlite" && !engine.readOnly) await keepLog(engine);
  if (version === undefined) return applyMigrations(engine, migrations);
  return update(engine, version, migrations, migrate);
}

/** A new register gets its id first. */
function isInitialised(engine: Engine): Promise<boolean> {
  return engine.read(async (db) => {
    const id = await db.selectFrom("meta").select("name").where("name", "=", REGISTER_ID).executeTakeFirst();
    return id !== undefined;
  });
}

async function update(
  engine: RetryingEngine,
  version: number,
  migrations: readonly Migration[],
  allowed: boolean,
): Promise<void> {
  const { kind, where } = engine;
  const newest = migrations.at(-1)?.number ?? 0;
  if (version > newest)
    throw new RegisterError(
      `${where}: is a register of a newer version (${version}; this dsc knows ${newest}); use a newer dsc`,
      "newer",
    );
  if (version === newest) return;
  if (kind === "postgres" && !allowed)
    throw new RegisterError(
      `${where}: is a register of an older version (${version}); back it up, and run dsc register migrate`,
      "older",
    );
  if (engine.readOnly)
    throw new RegisterError(
      `${where}: is a register of an older version (${version}), and cannot be written; copy it into a folder of your own`,
      "read-only",
    );
  if (kind === "sqlite") await copyTo(engine, `${where}.version-${version}`);
  await applyMigrations(engine, migrations);
}
