// The folder of shared test vectors, beside the checkout. A clone that has it tests more.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.js";
import { testUnless } from "./skipping.js";
import type { Test } from "./suite.js";

const SHARED = join(ROOT, "..", "shared");

/** Why they cannot be read here, or undefined where they can. */
export const NO_SHARED = existsSync(SHARED) ? undefined : "the vectors of ../shared are not beside this checkout";

/** A seed file (PSKC) of another tool, what it is encrypted under, and the key that python-pskc reads in it. */
export const EXAMPLE_SEED_FILE = join(SHARED, "vectors", "example-pskc.xml");
export const EXAMPLE_SEED_SECRET = Buffer.from("12345678901234567890123456789012", "hex");
export const EXAMPLE_SEED_KEY = "f1e2d3c4b5a69788796a5b4c3d2e1f00ff1122334455667788990a0b0c0d0e0f";

/** A test that needs ../shared: it runs where that is, and says so where it is not. */
export function sharedTest(test: Test, name: string, run: () => void | Promise<void>): void {
  testUnless(test, NO_SHARED, name, run);
}

/** A JSON file of ../shared/vectors. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(SHARED, "vectors", name), "utf8")) as T;
}
