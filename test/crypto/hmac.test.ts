// HMAC (RFC 2104) with SHA-1, SHA-256 and SHA-512.

import { createHmac } from "node:crypto";
import * as assert from "uvu/assert";
import type { HashName } from "../../host-tools/ocra.js";
import { HASH_NAMES, hmac, kept } from "../support/crypto.js";
import { pattern } from "../support/pattern.js";
import { sharedTest } from "../support/shared.js";
import { suite } from "../support/suite.js";
import { macCases } from "../support/wycheproof.js";

const test = suite("hmac");

/** RFC 2202 and RFC 4231, both test case 2. */
const JEFE: Record<HashName, string> = {
  SHA1: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
  SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  SHA512:
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
};

for (const name of HASH_NAMES) {
  const reference = (key: Uint8Array, message: Uint8Array) => createHmac(name, key).update(message).digest("hex");

  test(`HMAC-${name} is as in the RFC's test case`, () => {
    const tag = hmac(name, Buffer.from("Jefe"), Buffer.from("what do ya want for nothing?"));
    assert.is(tag.toString("hex"), JEFE[name]);
  });

  test(`HMAC-${name} under keys of every length from 0 to 200 bytes is Node's`, () => {
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

for (const [name, file] of [
  ["SHA1", "wycheproof_hmac_sha1.json"],
  ["SHA256", "wycheproof_hmac_sha256.json"],
] as const) {
  sharedTest(test, `HMAC-${name} agrees with every case of Project Wycheproof`, () => {
    const cases = macCases(file);
    assert.ok(cases.length >= 170, `${cases.length} cases`);
    for (const { name: what, key, message, tag, valid } of cases) {
      const cut = hmac(name, key, message).subarray(0, tag.length);
      assert.is(cut.equals(tag), valid, what);
    }
  });
}

test.run();
