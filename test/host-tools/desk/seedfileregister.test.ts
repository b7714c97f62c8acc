// The seed file of one personalization: made with its first card, or added to.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type CardRecord, isStored } from "../../../host-tools/desk/keyregister.js";
import { SeedFileRegister } from "../../../host-tools/desk/seedfileregister.js";
import { SeedFileError } from "../../../host-tools/files/errors.js";
import { FileError } from "../../../host-tools/files/files.js";
import { readSeedFile, type SeedRecord } from "../../../host-tools/seeds/pskc.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { failureOf } from "../../support/seeding.js";
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
const CARD: CardRecord = {
  ...{ ...RECORD, unlockKey: pattern(32), rotation: undefined, transport: undefined, cardId: undefined },
  ...{ origin: "drawn", lifeBefore: "blank", storeData: "unsent" },
};
const OTHER = { ...CARD, serial: "IB3000124" };

test.before.each(() => {
  for (const name of readdirSync(FOLDER)) rmSync(join(FOLDER, name));
});

test("a file is made with its first card, and its state is kept there", async () => {
  const seeds = new SeedFileRegister(PATH, SECRET, undefined);
  assert.is(await seeds.find(RECORD.serial), undefined);
  await seeds.bind(CARD);
  await seeds.setDone(RECORD.serial);
  assert.equal(readSeedFile(PATH, SECRET).records, [{ ...RECORD, state: "done" }]);
});

test("a file that somebody else has made since gets the card too, where that was asked for", async () => {
  const [first, second] = [0, 1].map(() => new SeedFileRegister(PATH, SECRET, undefined, { append: true }));
  await first?.bind(CARD);
  await second?.bind(OTHER);
  await first?.setDone(RECORD.serial);
  await second?.setDone(OTHER.serial);
  const states = readSeedFile(PATH, SECRET).records.map(({ serial, state }) => `${serial} ${state}`);
  assert.equal(states, ["IB3000123 done", "IB3000124 done"]);
});

test("otherwise it stays as it is, and so it does where it has the card, or opens with something else", async () => {
  await new SeedFileRegister(PATH, SECRET, undefined).bind(CARD);
  const before = readFileSync(PATH);
  const adding = (secret: Uint8Array, record: CardRecord, append: boolean) =>
    failureOf(new SeedFileRegister(PATH, secret, undefined, { append }).bind(record));
  assert.instance(await adding(SECRET, OTHER, false), FileError);
  assert.instance(await adding(SECRET, CARD, true), SeedFileError);
  assert.instance(await adding(Buffer.alloc(16), OTHER, true), SeedFileError);
  assert.equal(readFileSync(PATH), before);
  assert.equal(readdirSync(FOLDER), ["seeds.xml", "seeds.xml.lock"]);
});

test("a record that names no card fits the one at the port, and its keys are stored again", async () => {
  await new SeedFileRegister(PATH, SECRET, undefined).bind({ ...CARD, cardId: undefined });
  const seeds = new SeedFileRegister(PATH, SECRET, readSeedFile(PATH, SECRET));
  const found = await seeds.find(RECORD.serial, "00112233445566aa");
  assert.equal([found?.cardId, found?.lifeBefore, found?.storeData], ["00112233445566aa", "unknown", "sent"]);
  assert.not(isStored(found as CardRecord, { life: "seeded" }));
});

test("a file that is there gets no other card, unless that was asked for", async () => {
  await new SeedFileRegister(PATH, SECRET, undefined).bind(CARD);
  const open = (append: boolean) => new SeedFileRegister(PATH, SECRET, readSeedFile(PATH, SECRET), { append });
  assert.match(String(await failureOf(open(false).find(OTHER.serial))), "--append");
  assert.is(await open(true).find(OTHER.serial), undefined);
});

test.run();
