// The AES of random runs against the standards' examples, and against that of the host tools.

import * as assert from "uvu/assert";
import { Derive } from "../../../firmware/wire.js";
import { cmac, encryptBlocks, encryptCbc } from "../../../host-tools/card/aes.js";
import { kdf } from "../../../host-tools/card/scp03.js";
import { AesKey } from "../../../sim/session/monkey/aeskey.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const BLOCK = 16;

const test = suite("AES of random runs");

test("one block: the example of FIPS 197, appendix B", () => {
  const key = new AesKey(Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex"));
  const block = key.encryptBlock(Buffer.from("3243f6a8885a308d313198a2e0370734", "hex"));
  assert.is(hex(block), "3925841d02dc09fbdc118597196a0b32");
});

test("CMAC: the examples of RFC 4493", () => {
  const key = new AesKey(Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex"));
  const message = Buffer.from(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
    "hex",
  );
  assert.is(hex(key.mac(Buffer.alloc(0))), "bb1d6929e95937287fa37d129b756746");
  assert.is(hex(key.mac(message.subarray(0, BLOCK))), "070a16b46b4d4144f79bdd9dd04a287c");
  assert.is(hex(key.mac(message)), "dfa66747de9ae63030ca32611497c827");
});

test("blocks, chains, MACs and derived keys are those of the host tools", () => {
  for (let seed = 0; seed < 50; seed++) {
    const bytes = pattern(BLOCK, seed);
    const key = new AesKey(bytes);
    const iv = pattern(BLOCK, seed + 1);
    const blocks = pattern(BLOCK * (1 + (seed % 5)), seed);
    const message = pattern(1 + seed, seed);
    assert.is(hex(key.encryptBlock(iv)), hex(encryptBlocks(bytes, iv)));
    assert.is(hex(key.encryptCbc(iv, blocks)), hex(encryptCbc(bytes, iv, blocks)));
    assert.is(hex(key.mac(message)), hex(cmac(bytes, message)), `a message of ${message.length} bytes`);
    for (const size of [8, BLOCK])
      assert.is(hex(key.derive(Derive.S_ENC, iv, size)), hex(kdf(bytes, Derive.S_ENC, iv, size)));
  }
});

test("encryption leaves its input unchanged", () => {
  const key = new AesKey(pattern(BLOCK));
  const blocks = pattern(2 * BLOCK, 1);
  key.encryptCbc(pattern(BLOCK, 2), blocks);
  key.mac(blocks);
  assert.equal(blocks, pattern(2 * BLOCK, 1));
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test.run();
