// Tries a demand on the firmware on a mutant: it must fail there, because the demand is not met.

import * as assert from "uvu/assert";

export type Case = (module: WebAssembly.Module) => void;

/** Whether a demand of the case is not met; any other error is a mistake of the case. */
export function fails(check: Case, module: WebAssembly.Module): boolean {
  try {
    check(module);
    return false;
  } catch (error) {
    if (error instanceof assert.Assertion) return true;
    throw error;
  }
}
