// Runs a check of the firmware on a mutant: it must fail there, because the mutant does not meet the requirement.

import * as assert from "uvu/assert";

export type Case = (module: WebAssembly.Module) => void;

/** Whether an expectation of the case is not met. Any other error is a mistake in the case itself. */
export function fails(check: Case, module: WebAssembly.Module): boolean {
  try {
    check(module);
    return false;
  } catch (error) {
    if (error instanceof assert.Assertion) return true;
    throw error;
  }
}
