// Vectors that other projects published, in a folder beside the checkout. Where it is, tests check more.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { note } from "./suite.js";

const SHARED = join(ROOT, "..", "shared");

/** Why they cannot be read here, or undefined where they can. */
export const NO_SHARED = existsSync(SHARED) ? undefined : "the vectors of ../shared are not beside this checkout";

/** What a test checks besides, with vectors of other projects: it is done where they are, and a line says where not. */
export function alsoShared(what: string, check: () => void): void {
  if (NO_SHARED === undefined) check();
  else note(`not checked: ${what}: ${NO_SHARED}`);
}

/** A JSON file of ../shared/vectors. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(SHARED, "vectors", name), "utf8")) as T;
}
