// The folder of shared test vectors, beside the checkout. A clone that has it tests more.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "uvu";
import { ROOT } from "./root.js";
import { testUnless } from "./skipping.js";

const SHARED = join(ROOT, "..", "shared");
const REASON = "the vectors of ../shared are not beside this checkout";

/** A test that needs ../shared: it runs where that is, and says so where it is not. */
export function sharedTest(test: Test, name: string, run: () => void | Promise<void>): void {
  testUnless(test, existsSync(SHARED) ? undefined : REASON, name, run);
}

/** A JSON file of ../shared/vectors. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(SHARED, "vectors", name), "utf8")) as T;
}
