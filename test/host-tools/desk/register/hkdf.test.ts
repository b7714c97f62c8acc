// HKDF-SHA-256 against Node's own, and against a value of RFC 5869.

import { hkdfSync } from "node:crypto";
import * as assert from "uvu/assert";
import { hkdf } from "../../../../host-tools/desk/register/hkdf.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("hkdf");

test("HKDF without salt and info gives the value of RFC 5869 A.3", () => {
  const expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
  assert.is(hkdf(Buffer.alloc(22, 0x0b), Buffer.alloc(0), "").toString("hex"), expected);
});

test("HKDF of any key, salt and purpose is that of Node", () => {
  for (const [size, salt, info] of [
    [32, 16, "dsc register seal"],
    [32, 64, "dsc desk box"],
    [1, 0, ""],
    [65, 65, "a purpose that is longer than a block of the hash, which has 64 bytes of its own"],
  ] as const) {
    const [key, salted] = [pattern(size, 1), Buffer.alloc(salt, 7)];
    assert.equal(hkdf(key, salted, info), Buffer.from(hkdfSync("sha256", key, salted, info, 32)), info);
  }
});

test.run();
