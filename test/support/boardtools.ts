// Tests that need what builds and emulates the board: skipped where it is missing, with what to install, and failing
// there when CI is set.

import type { Test } from "uvu";
import * as assert from "uvu/assert";
import { type ImageName, missingFor } from "../../scripts/board.js";
import { testUnless } from "./skipping.js";

/** A test that runs where these images can be built. */
export function boardTest(
  test: Test,
  images: readonly ImageName[],
  name: string,
  run: () => void | Promise<void>,
): void {
  const missing = missingFor(...images);
  if (missing && process.env.CI) test(name, () => assert.unreachable(missing));
  else testUnless(test, missing, name, run);
}
