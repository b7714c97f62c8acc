// AES-CMAC (NIST SP 800-38B, RFC 4493), and the known answer of the card's self-test that ends in one.

import { createCipheriv, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cmac as nobleCmac } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { kdf } from "../../../host-tools/card/scp03.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { atLeast } from "../../support/atleast.js";
import { cmac, HASH_NAMES, kept } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";
import { macCases } from "../../support/wycheproof.js";

const test = suite("cmac");

/** RFC 4493 §4: one key, one message; its first 0, 16, 40 and 64 bytes and their CMACs. */
const KEY = "2b7e151628aed2a6abf7158809cf4f3c";
const MESSAGE =
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const TAGS: [number, string][] = [
  [0, "bb1d6929e95937287fa37d129b756746"],
  [16, "070a16b46b4d4144f79bdd9dd04a287c"],
  [40, "dfa66747de9ae63030ca32611497c827"],
  [64, "51f0bebf7e3b9d92fc49741779363cfe"],
];

for (const [length, tag] of TAGS) {
  test(`the CMAC of ${length} bytes is as in RFC 4493`, () => {
    const message = Buffer.from(MESSAGE, "hex").subarray(0, length);
    assert.is(cmac(Buffer.from(KEY, "hex"), message).toString("hex"), tag);
  });
}

test("the CMAC of any message under any key is that of another implementation", () => {
  const keys = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(keys, fc.uint8Array({ maxLength: 100 }), (key, message) => {
      assert.equal(cmac(key, message), Buffer.from(nobleCmac(message, key)));
    }),
    { numRuns: 1000 },
  );
});

test("the CMAC does not depend on where the message is split", () => {
  const key = pattern(16, 1);
  for (const length of [0, 1, 15, 16, 17, 32, 70]) {
    const message = pattern(length);
    const expected = Buffer.from(nobleCmac(message, key));
    for (let split = 0; split <= length; split++)
      assert.equal(cmac(key, message, split), expected, `${length} bytes split after ${split}`);
  }
});

test("CMAC leaves nothing of its key and message in memory", () => {
  cmac(pattern(16, 1), pattern(40, 2));
  const after = kept();
  cmac(pattern(16, 3), pattern(40, 4));
  assert.equal(kept(), after);
});

test("keys and messages of zeros, of ones and of one bit give the right CMAC", () => {
  const all = (size: number) => [0x00, 0xff, 0x80, 0x01].map((byte) => Buffer.alloc(size, byte));
  const oneBit = Array.from({ length: 128 }, (_, bit) =>
    Buffer.alloc(16).fill(0x80 >> (bit & 7), bit >> 3, (bit >> 3) + 1),
  );
  const keys = [...all(16), ...oneBit];
  const messages = [0, 1, 15, 16, 17, 31, 32, 33, 64].flatMap(all);
  for (const key of keys) {
    for (const message of messages)
      assert.equal(
        cmac(key, message),
        Buffer.from(nobleCmac(message, key)),
        `${key.toString("hex")} ${message.length}`,
      );
  }
  // The other 209 of Wycheproof's 311 cases have keys of other sizes than the function's 16 bytes.
  alsoShared("CMAC gives the answers of Project Wycheproof", () => {
    for (const { name, key, message, tag, valid } of atLeast(102, macCases("wycheproof_aes_cmac.json", 128)))
      assert.is(cmac(key, message).subarray(0, tag.length).equals(tag), valid, name);
  });
});

test("the self-test's known answers, computed here by another implementation, are in the firmware's code", () => {
  const text = Buffer.from("DSC+ self-test 1");
  const digests = HASH_NAMES.map((name) => createHmac(name, text).update(text).digest());
  const mac = nobleCmac(Buffer.concat(digests), text);
  const aes = createCipheriv("aes-128-ecb", text, null).update(text);
  const module = readFileSync(join(ROOT, "build/dsc.wasm"));
  for (const answer of [Buffer.from(kdf(text, 0, mac, 16)), aes]) {
    for (const at of [0, 8]) assert.ok(module.includes(i64Const(answer.readBigInt64BE(at))), answer.toString("hex"));
  }
});

/** The instruction that gives a constant: its opcode, and the number as signed LEB128 (WebAssembly core, §5.2.2). */
function i64Const(value: bigint): Buffer {
  const bytes = [0x42];
  for (let left = value; ; left >>= 7n) {
    const last = left >= -64n && left < 64n;
    bytes.push(Number(left & 0x7fn) | (last ? 0 : 0x80));
    if (last) return Buffer.from(bytes);
  }
}

test.run();
