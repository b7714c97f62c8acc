// The file of a backup: lines of JSON, for either engine. Values that are sealed in the register stay sealed in it.
//
//   {"format":"dsc-backup","version":1,"schema":N,"register":HEX,"at":"2026-11-28T12:00:00.000Z","journalKey":HEX}
//   {"cards":{"serial":"IB3000123",…}}      a row, by its table; bytes are {"hex":…}
//   …
//   {"rows":N,"mac":HEX}                    HMAC-SHA-256 of all bytes before this line, under the journal key
//
// `journalKey` is the tag by which the register recognises its journal key. It tells a wrong key from a damaged file.

import { timingSafeEqual } from "node:crypto";
import { createReadStream } from "node:fs";
import { explained } from "../../files/files.js";
import { RegisterError } from "./errors.js";
import type { JournalKey } from "./journalchain.js";
import type { TableName } from "./schema.js";
import { REGISTER_ID_BYTES } from "./sealing.js";
import type { Row } from "./values.js";

export interface BackupHead {
  /** The number of the last migration. */
  readonly schema: number;
  /** The register's id. */
  readonly register: Buffer;
  /** When it was made, ms since 1970. */
  readonly at: number;
  /** The tag of the journal key. */
  readonly journalTag: Buffer;
}

export interface BackupRow {
  readonly table: TableName;
  readonly row: Row;
}

const FORMAT = "dsc-backup";
const VERSION = 1;
const TAG_BYTES = 32;
/** Lines are passed on in pieces of about this many characters. */
const PIECE = 256 * 1024;
/** The longest row, in bytes. */
const LONGEST = 16 * 1024 * 1024;
const NEWLINE = 0x0a;
const LINE_END = Buffer.of(NEWLINE);

/** Yields the bytes of the file. */
export async function* writeBackup(
  head: BackupHead,
  rows: AsyncIterable<BackupRow>,
  key: JournalKey,
): AsyncGenerator<Buffer> {
  const mac = key.backupMac();
  let lines = headLine(head);
  let count = 0;
  const piece = () => {
    const bytes = Buffer.from(lines);
    mac.update(bytes);
    lines = "";
    return bytes;
  };
  for await (const { table, row } of rows) {
    lines += `${JSON.stringify({ [table]: encoded(row) })}\n`;
    count++;
    if (lines.length > PIECE) yield piece();
  }
  yield piece();
  yield Buffer.from(`${JSON.stringify({ rows: count, mac: mac.digest("hex") })}\n`);
}

function headLine({ schema, register, at, journalTag }: BackupHead): string {
  const head = { format: FORMAT, version: VERSION, schema, register: register.toString("hex") };
  return `${JSON.stringify({ ...head, at: new Date(at).toISOString(), journalKey: journalTag.toString("hex") })}\n`;
}

function encoded(row: Row): Record<string, unknown> {
  const value = (any: Row[string]) => (Buffer.isBuffer(any) ? { hex: any.toString("hex") } : any);
  return Object.fromEntries(Object.entries(row).map(([name, any]) => [name, value(any)]));
}

/** The header of the file. Nothing authenticates it yet. */
export async function readBackupHead(path: string): Promise<BackupHead> {
  for await (const line of linesOf(path)) return headIn(path, line);
  throw damaged(path, "it is empty");
}

/**
 * Yields the rows before the MAC at the end has been checked: a caller must keep none of them unless the generator ends
 * without an error.
 */
export async function* readBackupRows(path: string, key: JournalKey): AsyncGenerator<BackupRow> {
  const mac = key.backupMac();
  let count = -1;
  let ended = false;
  for await (const line of linesOf(path)) {
    if (ended) throw damaged(path, "something follows its last line");
    const values = count < 0 ? {} : valuesIn(path, line);
    ended = "mac" in values;
    if (ended) checkEnd(path, values, count, mac.digest());
    else {
      mac.update(line).update(LINE_END);
      if (count >= 0) yield rowIn(path, values);
      count++;
    }
  }
  if (!ended) throw damaged(path, "its end is missing");
}

/** Lines without their line ends. Characters that JSON does not escape, such as U+2028, end no line. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  try {
    for await (const piece of createReadStream(path)) {
      rest = Buffer.concat([rest, piece as Buffer]);
      let from = 0;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, from)) {
        yield rest.subarray(from, end);
        from = end + 1;
      }
      rest = rest.subarray(from);
      if (rest.length > LONGEST) throw damaged(path, "a line is too long");
    }
  } catch (error) {
    throw error instanceof RegisterError ? error : explained(path, "read", error);
  }
  if (rest.length > 0) throw damaged(path, "its end is missing");
}

function headIn(path: string, line: Buffer): BackupHead {
  const { format, version, schema, register, at, journalKey } = valuesIn(path, line);
  if (format !== FORMAT)
    throw new RegisterError(`${path}: is not a backup of a register; dsc register backup writes one`, "not-a-register");
  if (version !== VERSION || typeof schema !== "number")
    throw new RegisterError(`${path}: is a backup in a newer format; use a newer dsc`, "newer");
  const head = { register: bytesIn(register), journalTag: bytesIn(journalKey), at: Date.parse(String(at)) };
  if (head.register?.length !== REGISTER_ID_BYTES || head.journalTag?.length !== TAG_BYTES || Number.isNaN(head.at))
    throw damaged(path, "its first line was changed");
  return { schema, register: head.register, journalTag: head.journalTag, at: head.at };
}

function valuesIn(path: string, line: Buffer): Record<string, unknown> {
  try {
    const values: unknown = JSON.parse(line.toString());
    if (typeof values === "object" && values !== null) return values as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new RegisterError(`${path}: is not a backup of a register, or is damaged; use another backup`, "damaged");
}

function rowIn(path: string, values: Record<string, unknown>): BackupRow {
  const [[table, row] = []] = Object.entries(values);
  if (table === undefined || typeof row !== "object" || row === null) throw damaged(path, "a line is not a row");
  const value = (any: unknown) => bytesIn((any as { hex?: unknown } | null)?.hex) ?? (any as Row[string]);
  const decoded = Object.fromEntries(Object.entries(row).map(([name, any]) => [name, value(any)]));
  return { table: table as TableName, row: decoded };
}

function checkEnd(path: string, { rows, mac }: Record<string, unknown>, count: number, expected: Buffer): void {
  const found = bytesIn(mac);
  if (found?.length !== expected.length || !timingSafeEqual(found, expected) || rows !== count)
    throw damaged(path, "it was changed after it was made");
}

function bytesIn(hex: unknown): Buffer | undefined {
  if (typeof hex !== "string" || !/^([0-9a-f]{2})*$/.test(hex)) return undefined;
  return Buffer.from(hex, "hex");
}

function damaged(path: string, what: string): RegisterError {
  return new RegisterError(`${path}: the backup is damaged (${what}); use another one`, "damaged");
}
