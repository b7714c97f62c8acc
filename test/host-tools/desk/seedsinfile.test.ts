// The seed file of one personalization: made with its first card, or added to.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SeedsInFile } from "../../../host-tools/desk/seedsinfile.js";
import { SeedFileError } from "../../../host-tools/files/errors.js";
import { FileError } from "../../../host-tools/files/files.js";
import { readSeedFile, type SeedRecord } from "../../../host-tools/seeds/pskc.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { suite } from "../../support/suite.js";

const test = suite("seeds in a file");

const FOLDER = scratchFolder();
const PATH = join(FOLDER, "seeds.xml");
const SECRET = pattern(16);
const RECORD: SeedRecord = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: pattern(32),
  unlockKey: pattern(32),
  state: "pending",
  keyset: undefined,
};
const OTHER = { ...RECORD, serial: "IB3000124" };

test.before.each(() => {
  for (const name of readdirSync(FOLDER)) rmSync(join(FOLDER, name));
});

test("a file is made with its first card, and its state is kept there", () => {
  const seeds = new SeedsInFile(PATH, SECRET, undefined);
  assert.is(seeds.exists, false);
  seeds.add(RECORD);
  seeds.setState(RECORD.serial, "done");
  assert.equal(readSeedFile(PATH, SECRET).records, [{ ...RECORD, state: "done" }]);
});

test("a file that somebody else has made since gets the card too, where that was asked for", () => {
  const [first, second] = [0, 1].map(() => new SeedsInFile(PATH, SECRET, undefined, { append: true }));
  first?.add(RECORD);
  second?.add(OTHER);
  first?.setState(RECORD.serial, "done");
  second?.setState(OTHER.serial, "done");
  const states = readSeedFile(PATH, SECRET).records.map(({ serial, state }) => `${serial} ${state}`);
  assert.equal(states, ["IB3000123 done", "IB3000124 done"]);
});

test("else it stays as it is, and so it does where it has the card, or opens with something else", () => {
  new SeedsInFile(PATH, SECRET, undefined).add(RECORD);
  const before = readFileSync(PATH);
  const adding = (secret: Uint8Array, record: SeedRecord, append: boolean) => () =>
    new SeedsInFile(PATH, secret, undefined, { append }).add(record);
  assert.throws(adding(SECRET, OTHER, false), (error: unknown) => error instanceof FileError);
  assert.throws(adding(SECRET, RECORD, true), (error: unknown) => error instanceof SeedFileError);
  assert.throws(adding(Buffer.alloc(16), OTHER, true), (error: unknown) => error instanceof SeedFileError);
  assert.equal(readFileSync(PATH), before);
  assert.equal(readdirSync(FOLDER), ["seeds.xml", "seeds.xml.lock"]);
});

test.run();
