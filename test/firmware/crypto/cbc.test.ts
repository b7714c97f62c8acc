// AES-128 in CBC mode on whole blocks (NIST SP 800-38A §6.2), and with it the inverse cipher.

import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { atLeast } from "../../support/atleast.js";
import { cbcDecrypt, cbcEncrypt, kept } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";
import { cbcCases } from "../../support/wycheproof.js";

const cbc = suite("cbc");

const hex = (text: string) => Buffer.from(text, "hex");
const block = fc.uint8Array({ minLength: 16, maxLength: 16 });

cbc("SP 800-38A F.2.1 and F.2.2: four blocks are encrypted and decrypted", () => {
  const key = hex("2b7e151628aed2a6abf7158809cf4f3c");
  const iv = hex("000102030405060708090a0b0c0d0e0f");
  const plain = hex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
  );
  const cipher = hex(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
  );
  assert.equal(cbcEncrypt(key, iv, plain), cipher);
  assert.equal(cbcDecrypt(key, iv, cipher), plain);
});

cbc("any blocks under any key are encrypted as by Node, and decrypted", () => {
  const blocks = fc.array(block, { minLength: 1, maxLength: 15 }).map((parts) => Buffer.concat(parts));
  fc.assert(
    fc.property(block, block, blocks, (key, iv, plain) => {
      const node = createCipheriv("aes-128-cbc", key, iv).setAutoPadding(false);
      const cipher = cbcEncrypt(key, iv, plain);
      assert.equal(cipher, node.update(plain));
      assert.equal(cbcDecrypt(key, iv, cipher), plain);
    }),
    { numRuns: 500 },
  );
});

cbc("nothing of key or data stays in memory", () => {
  const key = Buffer.alloc(16, 0xa7);
  const cipher = cbcEncrypt(key, Buffer.alloc(16, 0x3b), Buffer.alloc(32, 0x91));
  cbcDecrypt(key, Buffer.alloc(16, 0x3b), cipher);
  for (const secret of [key, Buffer.alloc(16, 0x91), cipher.subarray(0, 16), cipher.subarray(16)]) {
    assert.is(kept().indexOf(secret.subarray(0, 8)), -1);
  }
});

cbc("messages of every length with PKCS #5 padding, encrypted by Node, are decrypted", () => {
  for (let length = 0; length <= 64; length++) {
    const [key, iv, message] = [pattern(16, length), pattern(16, length + 1), pattern(length, 2)];
    const node = createCipheriv("aes-128-cbc", key, iv);
    const cipher = Buffer.concat([node.update(message), node.final()]);
    const padding = 16 - (length % 16);
    assert.equal(cbcDecrypt(key, iv, cipher), Buffer.concat([message, Buffer.alloc(padding, padding)]), `${length}`);
  }
  alsoShared("CBC gives the answers of Project Wycheproof", () => {
    const valid = cbcCases("wycheproof_aes_cbc_pkcs5.json", 128).filter((any) => any.valid);
    for (const { name, key, iv, padded, cipher } of atLeast(21, valid))
      assert.equal(cbcDecrypt(key, iv, cipher), padded, name);
  });
});

cbc.run();
