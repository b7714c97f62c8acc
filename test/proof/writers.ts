// P6: the functions that reach the imports that write flash, found from the calls of the module. The module has no
// table and so no indirect calls, so the calls in the code are complete.

import type { Firmware } from "./firmware.js";
import { allInstructions } from "./wasm.js";

/** The functions that write flash themselves, and what they call to do it. */
export const WRITERS: Readonly<Record<string, readonly string[]>> = {
  "host/flash_program": ["flash/program"],
  "host/flash_erase": ["flash/clear"],
  // The operations: a try, a give-back, a commit, a wipe, a wrap that is destroyed, the test of flash.
  "flash/program": ["apdu/secured", "commands/selfTest", "flash/zero", "onetry/open", "pages/write", "pin/check"],
  "flash/clear": ["commands/selfTest", "pages/clearOthers", "pages/writeNext"],
  "flash/zero": ["pages/destroy", "pages/finishWipe"],
  "pages/write": ["pages/writeNext"],
  "pages/writeNext": ["pages/commit"],
  "pages/clearOthers": ["pages/mount", "pages/writeNext"],
  "pages/finishWipe": ["apdu/secured", "pages/mount"],
  "pages/commitBlank": ["pages/finishWipe", "pages/mount"],
  "pages/mount": ["card/turnOn"],
  "pages/commit": [
    "apdu/secured",
    "pages/commitBlank",
    "personalization/seed",
    "pin/check",
    "pin/set",
    "transportkeys/replace",
    "unlock/check",
  ],
  "pages/destroy": ["card/firstState", "pin/lost", "unlock/lost"],
  "onetry/open": ["pin/check", "unlock/check"],
  "pin/lost": ["pin/check"],
  "unlock/lost": ["unlock/check"],
  "pin/check": ["card/dispatch", "commands/checkPin"],
  "unlock/check": ["apdu/secured", "card/dispatch"],
  "pin/set": ["card/dispatch", "commands/setPin", "personalization/seed"],
  "personalization/seed": ["apdu/secured"],
  "transportkeys/replace": ["apdu/secured"],
  // Outside a channel it writes nothing: `mayWrite` is false there.
  "commands/selfTest": ["apdu/plain", "apdu/secured"],
  "commands/checkPin": ["apdu/secured"],
  "commands/setPin": ["apdu/secured"],
};

/** Describes where the module's calls differ from WRITERS; empty if they agree. */
export function strangeWriters(firmware: Firmware): readonly string[] {
  const callers = callersOf(firmware);
  return Object.entries(WRITERS).flatMap(([callee, expected]) => {
    const found = callers.get(callee) ?? [];
    const extra = found.filter((name) => !expected.includes(name)).map((name) => `${name} calls ${callee}`);
    const missing = expected.filter((name) => !found.includes(name)).map((name) => `${name} does not call ${callee}`);
    return [...extra, ...missing];
  });
}

/** The functions that call each function. */
function callersOf({ module, names }: Firmware): ReadonlyMap<string, readonly string[]> {
  const callers = new Map<string, string[]>();
  for (const [index, { code }] of module.functions.entries()) {
    const caller = names[module.imports.length + index] as string;
    const called = allInstructions(code).filter(({ name }) => name === "call");
    for (const callee of new Set(called.map(({ number }) => names[number] as string)))
      callers.set(callee, [...(callers.get(callee) ?? []), caller]);
  }
  return callers;
}
