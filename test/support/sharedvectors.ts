// Vectors published by other projects, in a folder beside the checkout. If it is there, tests check more.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { note } from "./suite.js";

const SHARED = join(ROOT, "..", "shared");

/** Why they cannot be read here; undefined if they can. */
export const NO_SHARED = existsSync(SHARED) ? undefined : "the vectors of ../shared are not beside this checkout";

/** The number of running uses that have checked that the vectors are there. */
let looked = 0;

/**
 * An additional check with vectors of other projects: done if they are there; otherwise a line says that they are not.
 */
export function alsoShared(what: string, check: () => void): void {
  if (NO_SHARED === undefined) withShared(check);
  else noteMissing(what);
}

/** The same, for an asynchronous check. */
export async function alsoSharedLater(what: string, check: () => Promise<void>): Promise<void> {
  if (NO_SHARED !== undefined) return noteMissing(what);
  looked++;
  try {
    await check();
  } finally {
    looked--;
  }
}

/** Runs code that reads the vectors, for a caller that has checked NO_SHARED. */
export function withShared<T>(use: () => T): T {
  looked++;
  try {
    return use();
  } finally {
    looked--;
  }
}

function noteMissing(what: string): void {
  note(`not checked: ${what}: ${NO_SHARED}`);
}

/**
 * A JSON file of ../shared/vectors. A test that reads it without the check fails even if the file exists: otherwise it
 * would fail only in a clone.
 */
export function vectors<T>(name: string): T {
  if (looked === 0) throw new Error(`${name} is read outside of alsoShared: a clone does not have it`);
  return JSON.parse(readFileSync(join(SHARED, "vectors", name), "utf8")) as T;
}
