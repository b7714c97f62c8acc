// The values that go into an engine and come out of it: text, whole numbers, bytes and NULL.
//
// Engines accept more, and treat it differently: SQLite's binding ends the process for a boolean, takes a missing
// parameter for NULL, cuts text at a NUL and rounds large integers. So every parameter is checked before the engine
// sees it, and every result before anyone else does.

import { RegisterError } from "./errors.js";

/** What a column holds. Integers are safe integers, bytes come back as Buffers. */
export type Value = string | number | Uint8Array | null;

export type Row = Record<string, string | number | Buffer | null>;

/** Half of a surrogate pair, which no encoding can store. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Literals and quoted names, in which a placeholder does not count; then the placeholders of SQLite and of PostgreSQL.
 */
const QUOTED_OR_PLACEHOLDER = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\?|\$([0-9]+)/g;

/** Checks count and type of the parameters of a statement. Throws a RegisterError for text that cannot be stored. */
export function checkedParameters(statement: string, parameters: readonly unknown[]): readonly Value[] {
  const wanted = placeholdersIn(statement);
  if (parameters.length !== wanted)
    throw new TypeError(`a statement has ${wanted} placeholders and ${parameters.length} parameters: ${statement}`);
  for (const [index, parameter] of parameters.entries()) checkParameter(parameter, `parameter ${index + 1}`);
  return parameters as readonly Value[];
}

/** The counts of statements that were met; the same few come again with every card. */
const COUNTS = new Map<string, number>();
const MOST_COUNTS = 256;

function placeholdersIn(statement: string): number {
  const known = COUNTS.get(statement);
  if (known !== undefined) return known;
  const count = countPlaceholders(statement);
  if (COUNTS.size >= MOST_COUNTS) COUNTS.clear();
  COUNTS.set(statement, count);
  return count;
}

/** The number of parameters that a statement takes. */
export function countPlaceholders(statement: string): number {
  let count = 0;
  let highest = 0;
  for (const [found, number] of statement.matchAll(QUOTED_OR_PLACEHOLDER)) {
    if (found === "?") count++;
    else if (number !== undefined) highest = Math.max(highest, Number(number));
  }
  return Math.max(count, highest);
}

/** The message never contains the value, which may be a secret. */
function checkParameter(value: unknown, name: string): void {
  if (value === null || value instanceof Uint8Array) return;
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError(`${name} is not a safe integer`);
  } else if (typeof value !== "string") {
    throw new TypeError(`${name} is of type ${typeof value}; text, integers, bytes and null are stored`);
  } else if (value.includes("\0")) {
    throw new RegisterError("text with a NUL character cannot be stored");
  } else if (LONE_SURROGATE.test(value)) {
    throw new RegisterError("text with half of a surrogate pair cannot be stored");
  }
}

/** The rows of a result in the one form that this program uses. */
export function checkedRows(rows: readonly Record<string, unknown>[]): Row[] {
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, fromEngine(name, value)])),
  );
}

function fromEngine(column: string, value: unknown): Row[string] {
  if (value === null || typeof value === "string" || Buffer.isBuffer(value)) return value;
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (typeof value === "bigint" || typeof value === "number") return safeInteger(column, value);
  throw new TypeError(`column ${column} came back as ${typeof value}; text, integers, bytes and null are expected`);
}

function safeInteger(column: string, value: number | bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RegisterError(`column ${column} contains no safe integer`, "damaged");
  return number;
}
