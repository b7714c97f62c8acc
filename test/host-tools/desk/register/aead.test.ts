// AES-256-GCM, which seals values: compared with @noble/ciphers in both directions. Every change is noticed.

import * as assert from "uvu/assert";
import { openUnder, sealUnder } from "../../../../host-tools/desk/register/aead.js";
import { seal, spoiled, unseal } from "../../../support/byhand.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("aead");

const KEY = pattern(32, 1);
const ASSOCIATED = Buffer.from("where it belongs");

test("another implementation opens our sealed values, and ours opens those of the other", () => {
  for (const size of [0, 1, 15, 16, 17, 32, 64, 1000]) {
    const value = Buffer.from(pattern(size, size));
    assert.equal(unseal(KEY, sealUnder(KEY, value, ASSOCIATED), ASSOCIATED), value);
    assert.equal(openUnder(KEY, seal(KEY, pattern(12, 3), value, ASSOCIATED), ASSOCIATED), value);
  }
});

test("a changed byte, another length, another key or other associated data does not open", () => {
  const sealed = sealUnder(KEY, pattern(20, 2), ASSOCIATED);
  for (let at = 0; at < sealed.length; at++) assert.is(openUnder(KEY, spoiled(sealed, at), ASSOCIATED), undefined);
  for (let size = 0; size < sealed.length; size++)
    assert.is(openUnder(KEY, sealed.subarray(0, size), ASSOCIATED), undefined);
  assert.is(openUnder(KEY, Buffer.concat([sealed, Buffer.of(0)]), ASSOCIATED), undefined);
  assert.is(openUnder(spoiled(KEY, 31), sealed, ASSOCIATED), undefined);
  assert.is(openUnder(KEY, sealed, Buffer.from("elsewhere")), undefined);
  assert.equal(openUnder(KEY, sealed, ASSOCIATED), Buffer.from(pattern(20, 2)));
});

test("the same value is sealed differently each time", () => {
  const sealed = Array.from({ length: 20 }, () => sealUnder(KEY, pattern(16, 4), ASSOCIATED).toString("hex"));
  assert.is(new Set(sealed).size, 20);
});

test.run();
