// Key derivation in counter mode over AES-CMAC (NIST SP 800-108 §4.1, with the block format of SCP03).

import fc from "fast-check";
import * as assert from "uvu/assert";
import { atLeast } from "../../support/atleast.js";
import { derive, kept } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { CONSTANT, derived } from "../../support/scp03oracle.js";
import { isAes128, type RecordedSession, scp03Rows, sessionsOfAes128 } from "../../support/scp03vectors.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";

const kdf = suite("kdf");

kdf("one to four blocks are derived as the standard says", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 64 }),
      fc.integer({ min: 1, max: 4 }),
      (key, constant, context, blocks) => {
        assert.equal(derive(key, constant, context, blocks), derived(key, constant, context, blocks * 16));
      },
    ),
    { numRuns: 500 },
  );
});

kdf("a longer output is not an extended shorter one, because the length goes into every block", () => {
  const [key, context] = [pattern(16), pattern(16, 1)];
  assert.not.equal(derive(key, CONSTANT.ENC, context, 2).subarray(0, 16), derive(key, CONSTANT.ENC, context, 1));
});

kdf("the KDF leaves nothing of its key and context in memory", () => {
  derive(pattern(16, 1), CONSTANT.ENC, pattern(16, 2), 2);
  const after = kept();
  derive(pattern(16, 3), CONSTANT.ENC, pattern(16, 4), 2);
  assert.equal(kept(), after);
});

kdf("each constant of SCP03 with a context of two challenges gives the standard's result", () => {
  const context = pattern(16, 9);
  for (const constant of Object.values(CONSTANT))
    assert.equal(derive(pattern(16), constant, context, 1), derived(pattern(16), constant, context, 16), `${constant}`);
  alsoShared("SCP03 sessions recorded with a real card", () => {
    for (const session of atLeast(3, sessionsOfAes128())) assertSessionKeys(session);
  });
  // Rows with a 256-bit key are not for AES-128.
  alsoShared("rows of key derivation", () => {
    const fitting = scp03Rows("kdf").filter(({ key }) => isAes128(key));
    for (const { key, constant, context, out } of atLeast(10, fitting)) {
      const bytes = derive(hex(key), Number.parseInt(constant, 16), hex(context), out.length / 32);
      assert.is(bytes.toString("hex"), out, `constant ${constant}`);
    }
  });
});

function assertSessionKeys({ name, keyset, hostChallenge, cardChallenge, ...keys }: RecordedSession): void {
  const context = hex(hostChallenge + cardChallenge);
  const session = (key: string, constant: number) => derive(hex(key), constant, context, 1).toString("hex");
  assert.is(session(keyset.enc, CONSTANT.ENC), keys.sEnc, `${name}: S-ENC`);
  assert.is(session(keyset.mac, CONSTANT.MAC), keys.sMac, `${name}: S-MAC`);
  assert.is(session(keyset.mac, CONSTANT.RMAC), keys.sRmac, `${name}: S-RMAC`);
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

kdf.run();
