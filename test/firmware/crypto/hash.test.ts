// SHA-1, SHA-256 and SHA-512 (FIPS 180-4).

import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import type { HashName } from "../../../host-tools/card/hashes.js";
import { digest, HASH_NAMES, interruptDigest, kept } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const hash = suite("hash");

const TWO_BLOCKS = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
const TWO_LONG_BLOCKS =
  "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

/** The examples NIST gives to FIPS 180-4: a message of one block and one of two. */
const EXAMPLES: [HashName, string, string][] = [
  ["SHA1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["SHA1", TWO_BLOCKS, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"],
  ["SHA256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["SHA256", TWO_BLOCKS, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"],
  [
    "SHA512",
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  [
    "SHA512",
    TWO_LONG_BLOCKS,
    "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018" +
      "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
  ],
];

for (const [name, message, expected] of EXAMPLES) {
  hash(`${name} of the ${message.length} bytes "${message.slice(0, 8)}…" is as in the standard's example`, () => {
    assert.is(digest(name, Buffer.from(message)).toString("hex"), expected);
  });
}

for (const name of HASH_NAMES) {
  const reference = (message: Uint8Array) => createHash(name).update(message).digest("hex");

  hash(`${name} of every length from 0 to 300 bytes is that of Node`, () => {
    for (let length = 0; length <= 300; length++) {
      const message = pattern(length);
      assert.is(digest(name, message).toString("hex"), reference(message), `${length} bytes`);
    }
  });

  hash(`${name} of 40,000 bytes, whose length in bits takes three bytes, is that of Node`, () => {
    const message = pattern(40_000);
    assert.is(digest(name, message).toString("hex"), reference(message));
  });

  hash(`an interrupted ${name} is discarded: the next hash of any kind begins anew`, () => {
    for (const next of HASH_NAMES) {
      assert.throws(() => interruptDigest(name), /out of bounds/);
      const message = pattern(150);
      assert.is(digest(next, message).toString("hex"), createHash(next).update(message).digest("hex"), next);
    }
  });

  hash(`${name} leaves nothing of its message in memory`, () => {
    digest(name, pattern(150, 1));
    const after = kept();
    digest(name, pattern(150, 2));
    assert.equal(kept(), after);
  });
}

hash.run();
