// Transport keys and serial numbers.

import { createCipheriv, createDecipheriv } from "node:crypto";
import * as assert from "uvu/assert";
import { SerialNumberError } from "../../../host-tools/card/errors.js";
import { checkSerialNumber, isSerialNumber } from "../../../host-tools/card/serialnumber.js";
import {
  diversificationData,
  diversify,
  encryptUnderDek,
  kcv,
  putKeyAnswer,
  putKeyData,
  testKeys,
  wipeKeyset,
} from "../../../host-tools/card/transportkeys.js";
import { atLeast } from "../../support/atleast.js";
import { cmac } from "../../support/fakecard.js";
import { pattern } from "../../support/pattern.js";
import { isAes128, scp03Rows } from "../../support/scp03vectors.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";

const test = suite("transport keys");

const hex = (text: string) => Buffer.from(text, "hex");
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("the public test keys have version FF", () => {
  const { kvn, enc, mac, dek } = testKeys();
  assert.is(kvn, 0xff);
  for (const key of [enc, mac, dek]) assert.is(text(key), "404142434445464748494a4b4c4d4e4f");
});

test("a key check value is the first 3 bytes of an encrypted block of 01 bytes", () => {
  for (let seed = 0; seed < 20; seed++) {
    const key = pattern(16, seed);
    const block = createCipheriv("aes-128-ecb", key, null).update(Buffer.alloc(16, 0x01));
    assert.equal(Buffer.from(kcv(key)), block.subarray(0, 3));
  }
  alsoShared("key check values and diversified keys", () => {
    for (const row of atLeast(3, scp03Rows("kcv"))) assert.is(text(kcv(hex(row.key))), row.kcv.toLowerCase());
    const rows = scp03Rows("kdf3").filter(({ master }) => isAes128(master));
    for (const row of atLeast(1, rows)) {
      const { enc, mac, dek } = diversify(hex(row.master), hex(row.kdd), 1);
      assert.equal([enc, mac, dek].map(text), [row.enc, row.mac, row.dek]);
      assert.equal([enc, mac, dek].map(kcv).map(text), [row.kcv.enc, row.kcv.mac, row.kcv.dek]);
    }
  });
});

test("a card's keys are derived from the master key and its serial number", () => {
  const master = pattern(16);
  const kdd = diversificationData("IB3000123");
  assert.is(text(kdd), "49423330303031323300");
  const { kvn, enc, dek } = diversify(master, kdd, 0x30);
  assert.is(kvn, 0x30);
  assert.equal(Buffer.from(enc), cmac(master, Buffer.concat([hex("010000000100"), kdd])));
  assert.equal(Buffer.from(dek), cmac(master, Buffer.concat([hex("010000000300"), kdd])));
  assert.throws(() => diversify(pattern(24), kdd, 1), /16/);
  assert.throws(() => diversify(master, kdd.subarray(1), 1), /10/);
});

test("the DEK encrypts whole blocks, chained, from a zero IV", () => {
  const decipher = createDecipheriv("aes-128-cbc", pattern(16, 1), Buffer.alloc(16)).setAutoPadding(false);
  assert.equal(decipher.update(encryptUnderDek(pattern(16, 1), pattern(112))), pattern(112));
  assert.is(encryptUnderDek(pattern(16), pattern(112)).length, 112);
});

test("PUT KEY has a version and three keys under the old DEK, and its answer has their check values", () => {
  const fresh = { kvn: 0x01, enc: pattern(16, 1), mac: pattern(16, 2), dek: pattern(16, 3) };
  const { dek } = testKeys();
  const block = (key: Uint8Array) => `881110${text(encryptUnderDek(dek, key))}03${text(kcv(key))}`;
  assert.is(text(putKeyData(fresh, dek)), `01${block(fresh.enc)}${block(fresh.mac)}${block(fresh.dek)}`);
  assert.is(text(putKeyAnswer(fresh)), `01${[fresh.enc, fresh.mac, fresh.dek].map(kcv).map(text).join("")}`);
  for (const kvn of [0, 0x80, 0xff]) assert.throws(() => putKeyData({ ...fresh, kvn }, dek), /kvn/);
});

test("a wiped keyset is zeros", () => {
  const keys = testKeys();
  wipeKeyset(keys);
  for (const key of [keys.enc, keys.mac, keys.dek]) assert.equal(key, new Uint8Array(16));
  assert.is(testKeys().enc[0], 0x40);
});

test("a serial number is IB and seven digits", () => {
  assert.is(checkSerialNumber("IB3000123"), "IB3000123");
  for (const other of [
    "",
    "IB300012",
    "IB30001234",
    "ib3000123",
    "IB300012x",
    "IB3000123\n",
    " IB3000123",
    "IB３000123",
  ]) {
    assert.not(isSerialNumber(other), other);
    assert.throws(
      () => checkSerialNumber(other),
      (error: Error) => error instanceof SerialNumberError,
    );
  }
});

test.run();
