// P6: the functions that reach the imports that write flash, and those that derive the key of a wrap, found from the calls
// of the module. The module has no table and so no indirect calls, so the calls in the code are complete.

import type { Firmware } from "./firmware.js";
import { allInstructions, type Instruction } from "./wasm.js";

/** Who calls the functions that write flash, once for each call. */
export const WRITERS: Readonly<Record<string, readonly string[]>> = {
  "host/flash_program": ["flash/program"],
  "host/flash_erase": ["flash/clear"],
  // The operations: a try, a give-back, a commit, a wipe, a wrap that is destroyed, the test of flash.
  "flash/program": [
    "apdu/secured",
    "commands/selfTest",
    "commands/selfTest",
    "flash/zero",
    "onetry/open",
    "pages/write",
    "pin/check",
  ],
  "flash/clear": ["commands/selfTest", "pages/clearOthers", "pages/writeNext"],
  "flash/zero": ["pages/destroy", "pages/finishWipe"],
  "pages/write": ["pages/writeNext", "pages/writeNext"],
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
  "pages/destroy": ["card/firstState", "card/firstState", "pin/lost", "unlock/lost"],
  "onetry/open": ["pin/check", "unlock/check"],
  "pin/lost": ["pin/check", "pin/check"],
  "unlock/lost": ["unlock/check", "unlock/check"],
  "pin/check": ["card/dispatch", "commands/checkPin"],
  "unlock/check": ["apdu/secured", "card/dispatch"],
  "pin/set": ["card/dispatch", "commands/setPin", "personalization/seed"],
  "personalization/seed": ["apdu/secured"],
  "transportkeys/replace": ["apdu/secured"],
  "commands/selfTest": ["apdu/plain", "apdu/secured"],
  "commands/checkPin": ["apdu/secured", "apdu/secured"],
  "commands/setPin": ["apdu/secured", "apdu/secured"],
};

/** Who opens or seals a wrap, and so derives a key from digits: only a try, and a card whose PIN a site judges, opens one. */
export const OPENERS: Readonly<Record<string, readonly string[]>> = {
  "vault/open": ["onetry/open", "pin/openUnchecked"],
  "pin/openUnchecked": ["apdu/secured", "card/dispatch"],
  "vault/seal": ["personalization/seed", "pin/set", "unlock/prepare"],
  "vault/deriveKey": ["vault/open", "vault/seal"],
  "crypto/siv/s2v": ["vault/open", "vault/seal"],
  "crypto/siv/ctr": ["vault/open", "vault/seal"],
  "crypto/kdf/derive": [
    "commands/tell",
    "scp03/cryptogram",
    "scp03/deriveSession",
    "selftest/cryptoWorks",
    "vault/deriveKey",
  ],
};

/**
 * Calls that no operation of the proof executes, because it begins behind them: a key, a frame or power-on comes to an
 * operation through these.
 */
export const BEFORE_OPERATIONS: readonly string[] = [
  "card/turnOn calls pages/mount",
  "card/dispatch calls pin/check",
  "card/dispatch calls pin/set",
  "card/dispatch calls unlock/check",
  "commands/checkPin calls pin/check",
  "commands/setPin calls pin/set",
  "apdu/secured calls unlock/check",
  "apdu/secured calls commands/checkPin",
  "apdu/secured calls commands/checkPin, 2",
  "apdu/secured calls commands/setPin",
  "apdu/secured calls commands/setPin, 2",
];

/** Describes where the module's calls differ from the lists; empty if they agree. */
export function strangeCalls(firmware: Firmware): readonly string[] {
  const callers = callersOf(firmware);
  return Object.entries({ ...WRITERS, ...OPENERS }).flatMap(([callee, expected]) => {
    const found = [...(callers.get(callee) ?? [])].sort();
    const isSame = found.join() === [...expected].sort().join();
    return isSame ? [] : [`${callee} is called by ${found.join(", ")}`];
  });
}

/** The calls into WRITERS, each with its name: `apdu/secured calls pages/commit`. */
export function callsOf({ module, names }: Firmware): ReadonlyMap<Instruction, string> {
  const found = new Map<Instruction, string>();
  for (const [index, { code }] of module.functions.entries()) {
    const counts = new Map<string, number>();
    for (const one of allInstructions(code).filter(({ name }) => name === "call")) {
      const callee = names[one.number] as string;
      if (!(callee in WRITERS)) continue;
      const count = (counts.get(callee) ?? 0) + 1;
      counts.set(callee, count);
      const name = `${names[module.imports.length + index]} calls ${callee}`;
      found.set(one, count > 1 ? `${name}, ${count}` : name);
    }
  }
  return found;
}

/** The functions that call each function, once for each call. */
function callersOf({ module, names }: Firmware): ReadonlyMap<string, readonly string[]> {
  const callers = new Map<string, string[]>();
  for (const [index, { code }] of module.functions.entries()) {
    const caller = names[module.imports.length + index] as string;
    for (const { name, number } of allInstructions(code)) {
      if (name !== "call") continue;
      const callee = names[number] as string;
      callers.set(callee, [...(callers.get(callee) ?? []), caller]);
    }
  }
  return callers;
}
