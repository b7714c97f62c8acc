// A kept mutant is found again for the same text and options, and for no others.

import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import * as assert from "uvu/assert";
import { atLeast } from "../support/atleast.js";
import { suite } from "../support/suite.js";
import { type Edit, Kept } from "./kept.js";

const test = suite("compiled mutants");

const OPTIONS = ["--optimizeLevel", "1"];
const MADE = { binary: Uint8Array.of(0, 0x61, 0x73, 0x6d), text: "(module)" };

test("a compiled module is reused only for the same sources and options", () => {
  // A unique text, so that no other test's modules are found or deleted.
  const mark = `// ${randomUUID()}\n`;
  const names: string[] = [];
  const marking = (wanted: string, added = mark): Edit => {
    return (name, text) => (name === wanted ? added + text : text);
  };
  new Kept([], (name, text) => {
    names.push(name);
    return text;
  });
  const kept = new Kept(OPTIONS, marking("firmware/index.ts"));
  assert.is(kept.read(), undefined);
  kept.write(MADE);
  try {
    assert.equal(new Kept(OPTIONS, marking("firmware/index.ts")).read(), MADE);
    assert.is(new Kept([...OPTIONS, "--shrinkLevel", "0"], marking("firmware/index.ts")).read(), undefined);
    assert.is(new Kept(OPTIONS, marking("firmware/index.ts", `${mark} `)).read(), undefined);
    const others = atLeast(20, names).filter((name) => name !== "firmware/index.ts");
    assert.is(others.length, names.length - 1);
    for (const name of others) assert.is(new Kept(OPTIONS, marking(name)).read(), undefined, name);
  } finally {
    for (const end of ["wasm", "wat"]) rmSync(`${kept.path}.${end}`);
  }
});

test("a mutant that does not fit the sources is reported", () => {
  const broken: Edit = (name) => {
    throw new Error(`does not fit ${name}`);
  };
  assert.throws(() => new Kept([], broken), /does not fit firmware\//);
});

test.run();
