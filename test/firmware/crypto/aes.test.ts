// AES-128, the forward cipher (FIPS 197).

import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { aesEncrypt, kept } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const aes = suite("aes");

/** FIPS 197: key, plaintext, ciphertext. */
const EXAMPLES = {
  "appendix B": [
    "2b7e151628aed2a6abf7158809cf4f3c",
    "3243f6a8885a308d313198a2e0370734",
    "3925841d02dc09fbdc118597196a0b32",
  ],
  "appendix C.1": [
    "000102030405060708090a0b0c0d0e0f",
    "00112233445566778899aabbccddeeff",
    "69c4e0d86a7b0430d8cdb78070b4c55a",
  ],
};

for (const [where, example] of Object.entries(EXAMPLES)) {
  aes(`a block is encrypted as in FIPS 197, ${where}`, () => {
    const [key, plain, cipher] = example.map((hex) => Buffer.from(hex, "hex")) as [Buffer, Buffer, Buffer];
    assert.equal(aesEncrypt(key, plain), cipher);
  });
}

aes("any block under any key is encrypted as by Node", () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(bytes, bytes, (key, block) => {
      const node = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
      assert.equal(aesEncrypt(key, block), node.update(block));
    }),
    { numRuns: 2000 },
  );
});

aes("AES leaves nothing of its key in memory", () => {
  aesEncrypt(pattern(16, 1), pattern(16));
  const after = kept();
  aesEncrypt(pattern(16, 2), pattern(16));
  assert.equal(kept(), after);
});

aes.run();
