// The model of NOR flash: its rules, power cuts and torn writes, and the misuses that it reports.

import * as assert from "uvu/assert";
import { FLASH_SIZE, Flash, FlashMisuse, PAGE_SIZE, PAGES, PowerCut } from "../../../sim/core/flash.js";
import { Random } from "../../../sim/core/random.js";
import { suite } from "../../support/suite.js";

const flash = suite("flash");

function word(of: Flash, address: number): number {
  return new DataView(of.bytes.buffer).getUint32(address, true);
}

/** Runs code that must end in a power cut. */
function cut(run: () => void): void {
  assert.throws(run, (error: unknown) => error instanceof PowerCut);
}

/** Runs a misuse, which must change nothing. */
function misuse(of: Flash, run: () => void): void {
  const before = of.bytes.slice();
  assert.throws(run, (error: unknown) => error instanceof FlashMisuse);
  assert.equal(of.bytes, before);
}

function random(seed: number): () => number {
  const source = new Random(seed);
  return () => source.next();
}

flash(`flash is blank at first, ${PAGES} pages of ${PAGE_SIZE} bytes`, () => {
  const one = new Flash();
  assert.equal([PAGES, PAGE_SIZE], [4, 1024]);
  assert.is(PAGES * PAGE_SIZE, FLASH_SIZE);
  assert.is(FLASH_SIZE, 4096);
  assert.ok(one.isBlank);
  assert.is(one.operations, 0);
});

flash("a program sets the word, little endian, and nothing else", () => {
  const one = new Flash();
  one.program(1020, 0x11223344);
  assert.equal([...one.bytes.subarray(1016, 1028)], [255, 255, 255, 255, 0x44, 0x33, 0x22, 0x11, 255, 255, 255, 255]);
  assert.not(one.isBlank);
});

flash("a bit that an interrupted erase left at 0 cannot be set", () => {
  const one = new Flash();
  one.program(8, 0);
  one.cutAt(1, "torn", () => 0);
  assert.throws(
    () => one.erase(0),
    (error: unknown) => error instanceof PowerCut,
  );
  misuse(one, () => one.program(8, 0x0f0f0f0f));
});

flash("a word can be programmed once, and once more to zeros", () => {
  const one = new Flash();
  one.program(8, 0x0f0f0f0f);
  misuse(one, () => one.program(8, 0x0f0f0f0f));
  misuse(one, () => one.program(8, 0x0f0f0f00));
  one.program(8, 0);
  assert.is(word(one, 8), 0);
  misuse(one, () => one.program(8, 0));
});

flash("a program that would set a bit is misuse", () => {
  const one = new Flash();
  one.program(0, 0);
  assert.throws(
    () => one.program(0, 1),
    (error: unknown) => error instanceof FlashMisuse,
  );
  assert.is(word(one, 0), 0);
});

flash("programming all ones counts: afterwards the word may only be zeroed", () => {
  const one = new Flash();
  one.program(0, 0xffffffff);
  misuse(one, () => one.program(0, 5));
  one.program(0, 0);
  assert.is(word(one, 0), 0);
});

flash("an address that is no word of flash is misuse", () => {
  const one = new Flash();
  for (const address of [1, 2, 3, 4093, FLASH_SIZE, FLASH_SIZE + 4, -4, 0xfffffffc, Number.NaN])
    misuse(one, () => one.program(address, 0));
  assert.is(one.operations, 0);
});

flash("a page that does not exist is misuse", () => {
  const one = new Flash();
  one.program(0, 0);
  for (const page of [-1, PAGES, 0xffffffff, Number.NaN]) misuse(one, () => one.erase(page));
});

flash("an erase sets every bit of its page, and of no other", () => {
  const one = new Flash();
  for (let at = 0; at < FLASH_SIZE; at += 4) one.program(at, 0x01020304);
  one.erase(2);
  for (let at = 0; at < FLASH_SIZE; at += 4)
    assert.is(word(one, at), at >= 2048 && at < 3072 ? 0xffffffff : 0x01020304);
  assert.equal(one.erases, [0, 0, 1, 0]);
  one.program(2048, 7);
  assert.is(word(one, 2048), 7, "it can be programmed again");
});

flash("programs and erases count as operations, reads do not", () => {
  const one = new Flash();
  one.program(0, 1);
  one.erase(0);
  one.read(0, new Uint8Array(4), 0, 4);
  assert.is(one.operations, 2);
});

flash("a read copies any number of bytes", () => {
  const one = new Flash();
  for (let at = 0; at < 64; at += 4) one.program(at, at * 0x01010101);
  for (const length of [0, 1, 4, 16, 17, 64]) {
    const target = new Uint8Array(80).fill(9);
    one.read(4, target, 3, length);
    assert.equal(target.subarray(3, 3 + length), one.bytes.subarray(4, 4 + length));
    assert.ok(target.subarray(3 + length).every((byte) => byte === 9));
  }
});

flash("onChange reports, at the moment of a change, what may differ", () => {
  const one = new Flash();
  const changes: [number, number, number][] = [];
  one.onChange = (address, length) => changes.push([address, length, one.bytes[address] as number]);
  one.program(16, 0x55);
  one.erase(0);
  one.program(1024, 0);
  cut(() => {
    one.cutAt(1, "torn", random(1));
    one.program(1028, 0);
  });
  one.cutAt(1, "clean", random(1));
  cut(() => one.program(1032, 0));
  assert.equal(
    changes.map(([address, length]) => [address, length]),
    [
      [16, 4],
      [0, 1024],
      [1024, 4],
      [1028, 4],
    ],
  );
  assert.is(changes[0]?.[2], 0x55, "afterwards, not before");
  assert.is(changes[1]?.[2], 0xff);
});

// ---- accidents ----

flash("a cut falls before the Nth operation from now, and later operations work", () => {
  const one = new Flash();
  one.program(0, 0);
  one.cutAt(3, "clean", random(1));
  one.program(4, 0);
  one.erase(1);
  cut(() => one.program(8, 0));
  assert.is(word(one, 8), 0xffffffff);
  assert.is(one.operations, 3);
  one.program(8, 0);
  assert.is(one.operations, 4);
});

flash("reads do not count towards a cut; a new cut replaces an old one", () => {
  const one = new Flash();
  one.cutAt(1, "clean", random(1));
  one.read(0, new Uint8Array(64), 0, 64);
  one.cutAt(2, "clean", random(1));
  one.program(0, 0);
  cut(() => one.program(4, 0));
});

flash("an erase can be cut; a clean cut leaves the page unchanged", () => {
  const one = new Flash();
  one.program(0, 0x12345678);
  one.cutAt(1, "clean", random(1));
  cut(() => one.erase(0));
  assert.is(word(one, 0), 0x12345678);
});

flash("a torn program has cleared any subset of its bits, and no other bit", () => {
  const results = new Set<number>();
  for (let seed = 1; seed <= 300; seed++) {
    const one = new Flash();
    one.cutAt(1, "torn", random(seed));
    cut(() => one.program(4, 0xffffff0f));
    const result = word(one, 4);
    assert.is((result | 0xf0) >>> 0, 0xffffffff, "bits that stay 1");
    assert.is(word(one, 0), 0xffffffff);
    assert.is(word(one, 8), 0xffffffff);
    results.add((result >>> 4) & 15);
  }
  assert.is(results.size, 16);
});

flash("a torn program counts as one: afterwards the word may only be zeroed", () => {
  const one = new Flash();
  one.cutAt(1, "torn", random(1));
  cut(() => one.program(0, 0x5a5a5a5a));
  misuse(one, () => one.program(0, 0x5a5a5a5a));
  one.program(0, 0);
  assert.is(word(one, 0), 0);
});

flash("a torn program that left no trace may be repeated, because nobody can see it", () => {
  const one = new Flash();
  one.cutAt(1, "torn", () => 0xffffffff);
  cut(() => one.program(0, 0x5a5a5a5a));
  one.program(0, 0x5a5a5a5a);
  assert.is(word(one, 0), 0x5a5a5a5a);
  misuse(one, () => one.program(0, 0x5a5a5a5a));
});

flash("a torn zeroing may be repeated", () => {
  const one = new Flash();
  one.program(0, 0x5a5a5a5a);
  one.cutAt(1, "torn", random(1));
  cut(() => one.program(0, 0));
  assert.is((word(one, 0) & ~0x5a5a5a5a) >>> 0, 0);
  one.program(0, 0);
  assert.is(word(one, 0), 0);
});

flash("a torn erase has set some bits and cleared none", () => {
  const one = new Flash();
  for (let at = 0; at < 2 * PAGE_SIZE; at += 4) one.program(at, 0x0ff00ff0);
  one.cutAt(1, "torn", random(4));
  cut(() => one.erase(0));
  const words = Array.from({ length: PAGE_SIZE / 4 }, (_, i) => word(one, i * 4));
  assert.ok(words.every((value) => (value & 0x0ff00ff0) === 0x0ff00ff0));
  assert.ok(
    words.some((value) => value !== 0xffffffff),
    "not all of it is erased",
  );
  assert.ok(
    words.some((value) => value !== 0x0ff00ff0),
    "not nothing",
  );
  assert.ok(new Set(words).size > 100, "and not all words alike");
  assert.is(word(one, PAGE_SIZE), 0x0ff00ff0, "the next page is as it was");
});

flash("the same seed gives the same bits of a torn write", () => {
  const torn = (seed: number) => {
    const one = new Flash();
    one.cutAt(1, "torn", random(seed));
    cut(() => one.program(0, 0));
    return word(one, 0);
  };
  assert.is(torn(5), torn(5));
  assert.is.not(torn(5), torn(6));
});

// ---- copies ----

flash("copy and restore keep bytes, counts and what may still be programmed", () => {
  const one = new Flash();
  one.program(0, 1);
  one.erase(3);
  const copy = one.copy();
  one.program(0, 0);
  one.program(4, 4);
  one.erase(0);
  one.cutAt(1, "clean", random(1));
  one.restore(copy);
  assert.is(word(one, 0), 1);
  assert.is(word(one, 4), 0xffffffff);
  assert.equal(one.erases, [0, 0, 0, 1]);
  assert.is(one.operations, 2);
  misuse(one, () => one.program(0, 1));
  one.program(4, 4);
  one.program(0, 0);
  assert.is(copy.bytes[0], 1, "the copy is its own");
});

flash("contents from a file count as programmed", () => {
  const bytes = new Uint8Array(FLASH_SIZE).fill(0xff);
  bytes.fill(0, 0, 4);
  bytes[4] = 0x7f;
  const one = new Flash(bytes);
  misuse(one, () => one.program(0, 0));
  misuse(one, () => one.program(4, 0x0000007f));
  one.program(4, 0);
  one.program(8, 0x1234);
  assert.is(bytes[8], 0xff, "the file's bytes are not touched");
  for (const size of [0, 4095, 4097]) assert.throws(() => new Flash(new Uint8Array(size)));
});

flash.run();
