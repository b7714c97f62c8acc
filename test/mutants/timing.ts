// Mutants of the firmware whose time depends on a secret. The campaign must find every one of them
// (test/evidence/timing.test.ts).

import type { Telling } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";

/** What the campaign measures at the ABI. */
export type Measurement = "pins" | "digits" | "codes" | "channel";

export interface TimingMutant extends Mutant, Telling {
  /** What shows it. */
  readonly measurement: Measurement;
  /** What the campaign says of it. */
  readonly says: RegExp;
}

/** Comparisons that stop early, and work that is skipped for some values. */
export const TIMING_MUTANTS: readonly TimingMutant[] = [
  {
    breaks: "the whole tag of a wrap is compared",
    telling: true,
    file: "crypto/siv.ts",
    within: "open",
    from: "for (let i: usize = 0; i < 16; i += 4) difference |= load<u32>(PAD + i) ^ load<u32>(sealed + i);",
    to: "for (let i: usize = 0; i < 16 && difference === 0; i++) difference |= load<u8>(PAD + i) ^ load<u8>(sealed + i);",
    measurement: "pins",
    says: /^(wrong PIN|wrong unlock code), /,
  },
  {
    breaks: "the whole MAC is compared",
    telling: true,
    file: "scp03.ts",
    within: "difference",
    from: "for (let i: u32 = 0; i < length; i++) bits |= load<u8>(a + i) ^ load<u8>(b + i);",
    to: "for (let i: u32 = 0; i < length && bits === 0; i++) bits |= load<u8>(a + i) ^ load<u8>(b + i);",
    measurement: "channel",
    says: /^wrong (cryptogram|mac|command): /,
  },
  {
    breaks: "a key is derived for every PIN",
    file: "vault.ts",
    within: "deriveKey",
    from: "kdf.derive(ROOT, use as u8, CONTEXT, length + 8, KEY, 256);",
    to: "if (load<u8>(CONTEXT) !== 0x38) kdf.derive(ROOT, use as u8, CONTEXT, length + 8, KEY, 256);",
    measurement: "pins",
    says: /^wrong PIN, /,
  },
  {
    breaks: "all contacts are checked, whichever moved",
    file: "keys.ts",
    within: "due",
    from: "for (let key: u32 = 0; key < KEYS; key++) {",
    to: "for (let key: u32 = 0; contacts.pending >> key; key++) {",
    measurement: "digits",
    says: /^a digit typed: /,
  },
  {
    breaks: "no branch in AES depends on the key",
    file: "crypto/aes.ts",
    within: "mixColumn",
    from: "const doubled = ((sum & 0x7f7f7f7f) << 1) ^ (((sum >> 7) & 0x01010101) * 0x1b);",
    to: "let doubled = (sum & 0x7f7f7f7f) << 1; if (sum & 0x80) doubled ^= ((sum >> 7) & 0x01010101) * 0x1b; else doubled ^= ((sum >> 7) & 0x01010100) * 0x1b;",
    measurement: "pins",
    says: /^wrong PIN, /,
  },
];
