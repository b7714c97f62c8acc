// AES-SIV with a plaintext of at least 16 bytes and no associated data (RFC 5297).

import { createCipheriv } from "node:crypto";
import { aessiv } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { kept, sivOpen, sivSeal } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const siv = suite("siv");

const LENGTHS = Array.from({ length: 105 }, (_, i) => 16 + i);

/** The bytes with one bit flipped. */
function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

siv("plaintexts of 16 to 120 bytes are sealed as by another implementation", () => {
  for (const length of LENGTHS) {
    const [key, plain] = [pattern(32, length), pattern(length)];
    assert.equal(sivSeal(key, plain), Buffer.from(aessiv(key).encrypt(plain)), `${length} bytes`);
  }
});

siv("any plaintext under any key is sealed as by another implementation", () => {
  const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(keys, fc.uint8Array({ minLength: 16, maxLength: 120 }), (key, plain) => {
      assert.equal(sivSeal(key, plain), Buffer.from(aessiv(key).encrypt(plain)));
    }),
    { numRuns: 500 },
  );
});

siv("a text that another implementation sealed opens", () => {
  for (const length of LENGTHS) {
    const [key, plain] = [pattern(32, length), pattern(length)];
    const opened = sivOpen(key, aessiv(key).encrypt(plain));
    assert.ok(opened.authentic, `${length} bytes`);
    assert.equal(opened.plain, plain);
  }
});

siv("a sealed text with any bit flipped does not open", () => {
  const key = pattern(32, 1);
  for (const length of [16, 31, 96]) {
    const sealed = Buffer.from(aessiv(key).encrypt(pattern(length)));
    assert.ok(sivOpen(key, sealed).authentic);
    for (let bit = 0; bit < sealed.length * 8; bit++)
      assert.not(sivOpen(key, flipped(sealed, bit)).authentic, `${length} bytes, bit ${bit}`);
  }
});

siv("a sealed text does not open under a key with any bit flipped", () => {
  const key = pattern(32, 1);
  const sealed = aessiv(key).encrypt(pattern(48));
  for (let bit = 0; bit < 256; bit++) assert.not(sivOpen(flipped(key, bit), sealed).authentic, `bit ${bit}`);
});

// §2.5: two bits of V are cleared, so that a counter of 32 bits cannot overflow; the one after 7fffffff is 80000000.
siv("the key stream continues when the counter's low 31 bits are all ones", () => {
  const key = pattern(32, 1);
  const sealed = Buffer.concat([Buffer.alloc(16, 0xff), pattern(64)]);
  const start = Buffer.from("ffffffffffffffff7fffffff7fffffff", "hex");
  const stream = createCipheriv("aes-128-ctr", key.subarray(16), start);
  assert.equal(sivOpen(key, sealed).plain, stream.update(sealed.subarray(16)));
});

siv("sealing and opening leave nothing of key and plaintext in memory", () => {
  const seal = (seed: number) => sivSeal(pattern(32, seed), pattern(40, seed + 1));
  seal(1);
  const afterSeal = kept();
  const sealed = seal(3);
  assert.equal(kept(), afterSeal);
  sivOpen(pattern(32, 3), sealed);
  const afterOpen = kept();
  sivOpen(pattern(32, 5), seal(5));
  assert.equal(kept(), afterOpen);
});

siv.run();
