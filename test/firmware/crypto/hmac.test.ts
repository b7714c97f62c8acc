// HMAC (RFC 2104) with SHA-1, SHA-256 and SHA-512.

import { createHmac } from "node:crypto";
import * as assert from "uvu/assert";
import type { HashName } from "../../../host-tools/card/hashes.js";
import { atLeast } from "../../support/atleast.js";
import { HASH_NAMES, hmac, kept } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";
import { hmacVectors } from "../../support/vectors.js";
import { type MacCase, macCases } from "../../support/wycheproof.js";

const test = suite("hmac");

/** Cases of Project Wycheproof. */
const WYCHEPROOF: Partial<Record<HashName, string>> = {
  SHA1: "wycheproof_hmac_sha1.json",
  SHA256: "wycheproof_hmac_sha256.json",
};

for (const name of HASH_NAMES) {
  const reference = (key: Uint8Array, message: Uint8Array) => createHmac(name, key).update(message).digest("hex");

  test(`HMAC-${name} is as in the test cases of the RFC`, () => {
    for (const { source, key, message, tag } of atLeast(7, hmacVectors(name)))
      assert.equal(hmac(name, key, message).subarray(0, tag.length), tag, source);
    const file = WYCHEPROOF[name];
    if (!file) return;
    alsoShared(`HMAC-${name} gives the answers of Project Wycheproof`, () => {
      for (const { name: what, ...one } of atLeast(170, macCases(file))) assert.is(isRight(name, one), one.valid, what);
    });
  });

  test(`HMAC-${name} under keys of every length from 0 to 200 bytes is that of Node`, () => {
    const message = pattern(100);
    for (let length = 0; length <= 200; length++) {
      const key = pattern(length, 1);
      assert.is(hmac(name, key, message).toString("hex"), reference(key, message), `a key of ${length} bytes`);
    }
  });

  test(`HMAC-${name} does not depend on where the message is split`, () => {
    const key = pattern(32, 1);
    const message = pattern(270);
    const expected = reference(key, message);
    for (let split = 0; split <= message.length; split++)
      assert.is(hmac(name, key, message, split).toString("hex"), expected, `split after ${split} bytes`);
  });

  test(`HMAC-${name} leaves nothing of its key and message in memory`, () => {
    hmac(name, pattern(150, 1), pattern(100, 2));
    const after = kept();
    hmac(name, pattern(150, 3), pattern(100, 4));
    assert.equal(kept(), after);
  });
}

function isRight(name: HashName, { key, message, tag }: Omit<MacCase, "name">): boolean {
  return hmac(name, key, message).subarray(0, tag.length).equals(tag);
}

test.run();
