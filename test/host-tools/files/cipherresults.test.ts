// Cipher results that may be keys are taken in pieces. Node moves each result to a smaller buffer and frees the first one
// without wiping it, so the end of a long result would stay in memory.

import { createDecipheriv } from "node:crypto";
import * as assert from "uvu/assert";
import { cmac, decryptCbc, encryptBlocks, encryptCbc } from "../../../host-tools/card/aes.js";
import { openUnder, sealUnder } from "../../../host-tools/desk/register/aead.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const test = suite("results of ciphers");

const KEY = pattern(16);
const IV = pattern(16, 1);
const BLOCKS = pattern(64, 2);
const BLOCK = 16;

/** The part of a cipher of node:crypto that is watched. */
interface Updating {
  update(this: unknown, ...args: unknown[]): Buffer;
}

/** The longest result that the ciphers return while `work` runs. */
function longestResult(work: () => unknown): number {
  const decipher = Object.getPrototypeOf(createDecipheriv("aes-128-cbc", KEY, IV)) as Updating;
  const { update } = decipher;
  let longest = 0;
  decipher.update = function (...args) {
    const result = update.apply(this, args);
    longest = Math.max(longest, result.length);
    return result;
  };
  try {
    work();
  } finally {
    decipher.update = update;
  }
  return longest;
}

test("a sealed key is opened byte by byte", () => {
  const sealed = sealUnder(pattern(32), pattern(32, 3), Buffer.of(1));
  assert.is(
    longestResult(() => assert.equal(openUnder(pattern(32), sealed, Buffer.of(1)), Buffer.from(pattern(32, 3)))),
    1,
  );
});

test("the secure channel decrypts block by block and gets the same text", () => {
  const text = encryptCbc(KEY, IV, BLOCKS);
  assert.is(
    longestResult(() => assert.equal(decryptCbc(KEY, IV, text), Buffer.from(BLOCKS))),
    BLOCK,
  );
  assert.is(encryptBlocks(KEY, BLOCKS).length, BLOCKS.length);
  assert.is(cmac(KEY, BLOCKS).length, BLOCK);
});

test.run();
