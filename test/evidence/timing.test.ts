// Timing, the campaign in short; and mistakes that it must notice.

import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import { buildImages, buildVariant } from "../../scripts/board.js";
import { boardTest } from "../support/board.js";
import { compileBinary, type Mutation } from "../support/mutation.js";
import { suite } from "../support/suite.js";
import { measureCrypto } from "./timing/crypto.js";
import { oddities, TIMING } from "./timing.js";

const test = suite("timing");

/** Comparisons that stop early, and work that is not done for all. */
const MUTANTS: readonly Mutation[] = [
  {
    breaks: "the tag of a wrap is compared whole",
    file: "crypto/siv.ts",
    from: "for (let i: usize = 0; i < 16; i += 4) difference |= load<u32>(PAD + i) ^ load<u32>(sealed + i);",
    to: "for (let i: usize = 0; i < 16 && difference === 0; i++) difference |= load<u8>(PAD + i) ^ load<u8>(sealed + i);",
  },
  {
    breaks: "a MAC is compared whole",
    file: "scp03.ts",
    from: "for (let i: u32 = 0; i < length; i++) bits |= load<u8>(a + i) ^ load<u8>(b + i);",
    to: "for (let i: u32 = 0; i < length && bits === 0; i++) bits |= load<u8>(a + i) ^ load<u8>(b + i);",
  },
  {
    breaks: "a key is derived from every PIN",
    file: "vault.ts",
    from: "  kdf.derive(ROOT, use as u8, CONTEXT, length + 8, KEY, 256);",
    to: "  if (load<u8>(CONTEXT) !== 0x38) kdf.derive(ROOT, use as u8, CONTEXT, length + 8, KEY, 256);",
  },
  {
    breaks: "all keys are looked at, whichever moved",
    file: "keys.ts",
    from: "  for (let key: u32 = 0; key < KEYS; key++) {",
    to: "  for (let key: u32 = 0; contacts.pending >> key; key++) {",
  },
  {
    breaks: "no branch in AES depends on the key",
    file: "crypto/aes.ts",
    from: "  const doubled = ((sum & 0x7f7f7f7f) << 1) ^ (((sum >> 7) & 0x01010101) * 0x1b);",
    to: "  let doubled = (sum & 0x7f7f7f7f) << 1;\n  if (sum & 0x80) doubled ^= ((sum >> 7) & 0x01010101) * 0x1b;\n  else doubled ^= ((sum >> 7) & 0x01010100) * 0x1b;",
  },
];

boardTest(test, ["meter"], "digits, wrong PINs, unlock codes, cryptograms and MACs all take the same", async () => {
  assert.equal(await oddities(buildImages("meter")), []);
});

boardTest(test, ["cryptometer"], "AES, CMAC, HMAC and SIV take the same whatever key and message are", async () => {
  assert.equal((await measureCrypto(buildImages("cryptometer"), 100)).failures, []);
});

boardTest(test, ["meter"], "an id that there is not is said to be none", async () => {
  const { failures } = await TIMING.run({ long: false, only: "nonsense/1", log: () => {} });
  assert.equal(failures, [{ id: "nonsense/1", what: "there is no such case" }]);
});

for (const mutant of MUTANTS) {
  boardTest(test, ["meter"], `noticed: ${mutant.breaks}`, async () => {
    const module = await compileBinary(mutant);
    const folder = `mutants/${createHash("sha256").update(mutant.to).digest("hex").slice(0, 8)}`;
    assert.ok((await oddities(buildVariant("meter", module, folder))).length > 0);
  });
}

test.run();
