// A demand on the firmware that is tried on a mutant of it: it must fail there, and as a demand that is not met.

import * as assert from "uvu/assert";

export type Case = (module: WebAssembly.Module) => void;

/** Whether a demand of the case is not met; whatever else is thrown is a mistake of the case. */
export function fails(check: Case, module: WebAssembly.Module): boolean {
  try {
    check(module);
    return false;
  } catch (error) {
    if (error instanceof assert.Assertion) return true;
    throw error;
  }
}
