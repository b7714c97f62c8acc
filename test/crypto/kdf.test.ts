// Key derivation in counter mode over AES-CMAC (NIST SP 800-108 §4.1, with the block format of SCP03).

import { cmac as nobleCmac } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { derive, kept } from "../support/crypto.js";
import { pattern } from "../support/pattern.js";
import { isAes128, scp03Rows, sessionsOfAes128 } from "../support/scp03vectors.js";
import { sharedTest } from "../support/shared.js";
import { suite } from "../support/suite.js";

const kdf = suite("kdf");

/** Derivation constants of SCP03 (GPC_SPE_014, table 4-1). */
const S_ENC = 0x04;
const S_MAC = 0x06;
const S_RMAC = 0x07;

/** K(i) = CMAC(key, label | 00 | L | i | context); the label is 11 zero bytes and the constant. */
function reference(key: Uint8Array, constant: number, context: Uint8Array, blocks: number): Buffer {
  const bits = blocks * 128;
  const block = (i: number) =>
    nobleCmac(Buffer.from([...Array(11).fill(0), constant, 0, bits >> 8, bits & 255, i, ...context]), key);
  return Buffer.concat(Array.from({ length: blocks }, (_, i) => block(i + 1)));
}

kdf("one to four blocks are derived as the standard says", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 64 }),
      fc.integer({ min: 1, max: 4 }),
      (key, constant, context, blocks) => {
        assert.equal(derive(key, constant, context, blocks), reference(key, constant, context, blocks));
      },
    ),
    { numRuns: 500 },
  );
});

kdf("more blocks are not the same key made longer: the length goes into every block", () => {
  const [key, context] = [pattern(16), pattern(16, 1)];
  assert.not.equal(derive(key, S_ENC, context, 2).subarray(0, 16), derive(key, S_ENC, context, 1));
});

kdf("it leaves nothing of its key and context in memory", () => {
  derive(pattern(16, 1), S_ENC, pattern(16, 2), 2);
  const after = kept();
  derive(pattern(16, 3), S_ENC, pattern(16, 4), 2);
  assert.equal(kept(), after);
});

sharedTest(kdf, "the session keys of recorded SCP03 sessions with 128-bit keys come out", () => {
  const sessions = sessionsOfAes128();
  assert.is(sessions.length, 3);
  for (const { name, keyset, hostChallenge, cardChallenge, ...keys } of sessions) {
    const context = Buffer.from(hostChallenge + cardChallenge, "hex");
    const session = (key: string, constant: number) =>
      derive(Buffer.from(key, "hex"), constant, context, 1).toString("hex");
    assert.is(session(keyset.enc, S_ENC), keys.sEnc, `${name}: S-ENC`);
    assert.is(session(keyset.mac, S_MAC), keys.sMac, `${name}: S-MAC`);
    assert.is(session(keyset.mac, S_RMAC), keys.sRmac, `${name}: S-RMAC`);
  }
});

// Rows with a 256-bit key are not for AES-128.
sharedTest(kdf, "the rows of the public KDF vectors with 128-bit keys come out", () => {
  const fitting = scp03Rows("kdf").filter(({ key }) => isAes128(key));
  assert.ok(fitting.length >= 10, `${fitting.length} rows`);
  for (const { key, constant, context, out } of fitting) {
    const derived = derive(
      Buffer.from(key, "hex"),
      Number.parseInt(constant, 16),
      Buffer.from(context, "hex"),
      out.length / 32,
    );
    assert.is(derived.toString("hex"), out, `constant ${constant}`);
  }
});

kdf.run();
