// Importing PSKC: files of other tools, files with one damaged record, and our own seed files.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SeedFileError } from "../../../host-tools/files/errors.js";
import { type ExportedCard, exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { importPskc, outlineSeedFile, wipeRecords } from "../../../host-tools/seeds/pskcimport.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { putSeedFile } from "../../support/seedfile.js";
import { suite } from "../../support/suite.js";
import { EXAMPLE_SEED_FILE, EXAMPLE_SEED_KEY, EXAMPLE_SEED_SECRET } from "../../support/vectors.js";

const test = suite("pskc import");

const PATH = join(scratchFolder(), "seeds.xml");
const KEY = pattern(16, 3);
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";

function card(number: number): ExportedCard {
  return {
    serial: `IB300${String(number).padStart(4, "0")}`,
    suite: SUITE,
    pinCheck: "card",
    tries: 5,
    key: pattern(32, number),
    unlockKey: pattern(32, number + 100),
  };
}

const MANY = Array.from({ length: 40 }, (_, at) => card(at));
const TEXT = exportPskc(MANY, KEY, { unlockKeys: true }).toString();

function put(text: string | Uint8Array): string {
  writeFileSync(PATH, text);
  return PATH;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, SeedFileError);
    assert.not.match((error as Error).message, "\n");
    return (error as Error).message.replace(`${PATH}: `, "");
  }
  throw new Error("not refused");
}

/** Where a key's package begins and ends in the text. */
function packageAt(serial: string, field: "token" | "unlock"): [number, number] {
  const named = TEXT.indexOf(`<pskc:SerialNo>${serial}${field === "unlock" ? "-U" : ""}<`);
  const end = "</pskc:KeyPackage>";
  return [TEXT.lastIndexOf("<pskc:KeyPackage>", named), TEXT.indexOf(end, named) + end.length];
}

/** The text with one package changed. */
function changed(serial: string, field: "token" | "unlock", change: (text: string) => string): string {
  const [from, to] = packageAt(serial, field);
  const before = TEXT.slice(from, to);
  const after = change(before);
  assert.not.equal(after, before);
  return TEXT.slice(0, from) + after + TEXT.slice(to);
}

/** Changes the first character inside the tag. */
function spoiled(tag: string) {
  return (text: string) =>
    text.replace(new RegExp(`(<${tag}>)(.)`), (_, open, first) => open + (first === "A" ? "B" : "A"));
}

const BAD = MANY[7]?.serial as string;

for (const [what, change, why] of [
  ["a wrong MAC", spoiled("pskc:ValueMAC"), /the MAC is wrong/],
  ["a changed value", spoiled("xenc:CipherValue"), /the MAC is wrong/],
  ["no MAC", (text: string) => text.replace(/<pskc:ValueMAC>.*?<\/pskc:ValueMAC>/, ""), /has no MAC/],
  ["no key", (text: string) => text.replace(/<pskc:Data>.*?<\/pskc:Data>/s, ""), /lacks pskc:Data/],
  ["another cipher", (text: string) => text.replace("aes128-cbc", "aes256-cbc"), /encrypted in an unknown way/],
  ["an invalid suite", (text: string) => text.replace(SUITE, "OCRA-1:HOTP-SHA256-8:QX06"), /is not an OCRA suite/],
  ["no suite", (text: string) => text.replace(/<pskc:Suite>.*?<\/pskc:Suite>/, ""), /lacks pskc:Suite/],
  ["no number of tries", (text: string) => text.replace('Attempts="5"', 'Attempts="x"'), /MaxFailedAttempts "x"/],
] as const) {
  test(`one record with ${what} is named, and all others are imported`, () => {
    const { records, refusals } = importPskc(put(changed(BAD, "token", change)), KEY);
    assert.equal(
      records.map(({ serial, key, unlockKey }) => ({ serial, key, unlockKey })),
      MANY.filter(({ serial }) => serial !== BAD).map(({ serial, key, unlockKey }) => ({ serial, key, unlockKey })),
    );
    assert.is(records.length, MANY.length - 1);
    const [token, unlock, ...more] = refusals;
    assert.equal([token?.serial, token?.field], [BAD, "token"]);
    assert.match(token?.why ?? "", why);
    // The unlock key is refused too, since nothing else of its card is known.
    assert.equal([unlock?.serial, unlock?.field, more], [BAD, "unlock", []]);
  });
}

test("an unlock key with a wrong MAC is named, and the card's token key is imported", () => {
  const { records, refusals } = importPskc(put(changed(BAD, "unlock", spoiled("pskc:ValueMAC"))), KEY);
  assert.is(records.length, MANY.length);
  const bad = records.find(({ serial }) => serial === BAD);
  assert.equal([bad?.key, bad?.unlockKey], [MANY[7]?.key, undefined]);
  assert.equal(
    refusals.map(({ serial, field }) => [serial, field]),
    [[BAD, "unlock"]],
  );
});

test("a record without a usable serial number is reported, and all others are imported", () => {
  const change = (text: string) => text.replace(`<pskc:SerialNo>${BAD}<`, "<pskc:SerialNo><");
  const { records, refusals } = importPskc(put(changed(BAD, "token", change)), KEY);
  assert.is(records.length, MANY.length - 1);
  assert.match(refusals[0]?.why ?? "", /no usable serial number/);
  assert.is(refusals[0]?.serial, undefined);
});

test("two token keys under one serial number are both refused", () => {
  const [, other] = MANY;
  const change = (text: string) => text.replaceAll(BAD, other?.serial ?? "");
  const { records, refusals } = importPskc(put(changed(BAD, "token", change)), KEY);
  assert.equal(
    records.map(({ serial }) => serial),
    MANY.map(({ serial }) => serial).filter((serial) => serial !== BAD && serial !== other?.serial),
  );
  assert.ok(
    refusals.some(({ serial, field, why }) => serial === other?.serial && field === "token" && /neither/.test(why)),
  );
});

test("without the secret, one damaged record is reported and all others are listed", () => {
  const change = (text: string) => text.replace(SUITE, "OCRA-1:HOTP-SHA256-8:QX06");
  const { cards, refusals } = outlineSeedFile(put(changed(BAD, "token", change)));
  assert.is(cards.length, MANY.length - 1);
  assert.ok(cards.every(({ unlockable }) => unlockable));
  assert.equal(
    refusals.map(({ serial }) => serial),
    [BAD],
  );
});

test("a wrong secret is reported once, and not for each key", () => {
  assert.match(
    refusal(() => importPskc(put(TEXT), pattern(16, 99))),
    /does not open|the MAC is wrong/,
  );
});

test("an import of a seed file has the progress of its cards, pending ones included", () => {
  const { unlockKey, ...done } = { ...card(1), state: "done", keyset: 2, cardId: "0123456789abcdef" } as const;
  const records = [
    { ...done, key: Buffer.from(done.key), unlockKey: Buffer.from(unlockKey ?? []) },
    { ...card(2), key: pattern(20, 2), unlockKey: undefined, state: "pending", keyset: undefined },
  ] as SeedRecord[];
  const path = putSeedFile(join(scratchFolder(), "old.xml"), KEY, ...records);
  assert.equal(importPskc(path, KEY).records, records);
});

test("another tool's file is imported, and its key is the one that python-pskc reads", () => {
  const { records, refusals } = importPskc(EXAMPLE_SEED_FILE, EXAMPLE_SEED_SECRET);
  assert.equal([records.length, refusals], [1, []]);
  assert.is(records[0]?.key.toString("hex"), EXAMPLE_SEED_KEY);
});

test("a file inside CMS is refused in one line that says how to open it", () => {
  for (const oid of ["060b2a864886f70d0109100117", "06092a864886f70d010703"]) {
    const path = put(Buffer.concat([Buffer.from("30820a00", "hex"), Buffer.from(oid, "hex"), Buffer.alloc(100)]));
    for (const run of [() => importPskc(path, KEY), () => outlineSeedFile(path)])
      assert.match(refusal(run), /^is inside CMS; open it first: openssl cms -decrypt -inform DER -in /);
  }
});

test("wiping records zeroes every imported key", () => {
  const { records } = importPskc(put(TEXT), KEY);
  wipeRecords(records);
  assert.is(records.length, MANY.length);
  for (const { key, unlockKey } of records) {
    assert.ok(key.every((byte) => byte === 0));
    assert.ok(unlockKey?.every((byte) => byte === 0));
  }
  assert.is(readFileSync(PATH, "utf8"), TEXT);
});

test.run();
