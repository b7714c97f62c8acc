// Vectors that other projects published, in a folder beside the checkout. Where it is, tests check more.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { note } from "./suite.js";

const SHARED = join(ROOT, "..", "shared");

/** Why they cannot be read here, or undefined where they can. */
export const NO_SHARED = existsSync(SHARED) ? undefined : "the vectors of ../shared are not beside this checkout";

/** How many uses are running that have looked whether the vectors are there. */
let looked = 0;

/** What a test checks besides, with vectors of other projects: it is done where they are, and a line says where not. */
export function alsoShared(what: string, check: () => void): void {
  if (NO_SHARED === undefined) withShared(check);
  else noteMissing(what);
}

/** The same, for a check that waits. */
export async function alsoSharedLater(what: string, check: () => Promise<void>): Promise<void> {
  if (NO_SHARED !== undefined) return noteMissing(what);
  looked++;
  try {
    await check();
  } finally {
    looked--;
  }
}

/** Runs what reads the vectors, for a caller that has looked at NO_SHARED. */
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
 * A JSON file of ../shared/vectors. A test that reads it without having looked whether it is there fails where it is, too:
 * or else it would fail in a clone only.
 */
export function vectors<T>(name: string): T {
  if (looked === 0) throw new Error(`${name} is read outside of alsoShared: a clone does not have it`);
  return JSON.parse(readFileSync(join(SHARED, "vectors", name), "utf8")) as T;
}
