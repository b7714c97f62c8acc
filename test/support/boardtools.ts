// Tests that need the board's tools: they skip themselves where those are missing, but not in continuous integration.

import type { Test } from "uvu";
import { testUnless } from "./skipping.js";

/** A test that runs where `reason` is undefined. Elsewhere it is skipped; where CI is set it fails. */
export function boardTest(
  suite: Test,
  reason: string | undefined,
  name: string,
  run: () => void | Promise<void>,
): void {
  if (reason === undefined || !process.env.CI) {
    testUnless(suite, reason, name, run);
    return;
  }
  suite(name, () => {
    throw new Error(`continuous integration runs all tests: ${reason}`);
  });
}
