// Tests that need what not every machine has: they run where it is, and say so where it is not.

import type { Test } from "uvu";

/** A test that runs where `reason` is undefined; elsewhere it is counted as skipped, and the reason printed. */
export function testUnless(
  test: Test,
  reason: string | undefined,
  name: string,
  run: () => void | Promise<void>,
): void {
  if (reason === undefined) {
    test(name, run);
    return;
  }
  console.log(`skipped: ${name}: ${reason}`);
  test.skip(name, run);
}
