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
export function alsoShared(what: string, check: () => void): void;
export function alsoShared(what: string, check: () => Promise<void>): Promise<void>;
export function alsoShared(what: string, check: () => void | Promise<void>): void | Promise<void> {
  if (NO_SHARED === undefined) return withShared(check);
  note(`not checked: ${what}: ${NO_SHARED}`);
}

/** Runs what reads the vectors, for a caller that has looked at NO_SHARED. */
export function withShared<T>(use: () => T): T {
  looked++;
  const done = () => void looked--;
  try {
    const result = use();
    if (result instanceof Promise) void result.then(done, done);
    else done();
    return result;
  } catch (error) {
    done();
    throw error;
  }
}

/**
 * A JSON file of ../shared/vectors. A test that reads it without having looked whether it is there fails where it is, too:
 * or else it would fail in a clone only.
 */
export function vectors<T>(name: string): T {
  if (looked === 0) throw new Error(`${name} is read outside of alsoShared: a clone does not have it`);
  return JSON.parse(readFileSync(join(SHARED, "vectors", name), "utf8")) as T;
}
