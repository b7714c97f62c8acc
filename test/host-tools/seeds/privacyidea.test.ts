// The CSV that privacyIDEA imports.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { FileError, SeedFileError } from "../../../host-tools/files/errors.js";
import { writePrivacyIdeaCsv } from "../../../host-tools/seeds/privacyidea.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { suite } from "../../support/suite.js";

const test = suite("privacyidea");

const FOLDER = mkdtempSync(join(tmpdir(), "dsc-csv-"));
const PATH = join(FOLDER, "seeds.csv");

test.before.each(() => rmSync(PATH, { force: true }));
test.after(() => rmSync(FOLDER, { recursive: true }));

function record(change: Partial<SeedRecord> = {}): SeedRecord {
  return {
    serial: "IB3000123",
    suite: "OCRA-1:HOTP-SHA256-8:QN06",
    pinCheck: "card",
    tries: 5,
    key: Buffer.alloc(32, 0xa5),
    unlockKey: Buffer.alloc(32, 0x5a),
    state: "done",
    keyset: undefined,
    ...change,
  };
}

/** Reads the file like privacyIDEA: split at commas, trimmed; a line that begins with # is a comment. */
function readCsv(): string[][] {
  const lines = readFileSync(PATH, "utf8").split("\n");
  return lines
    .map((line) => line.split(",").map((field) => field.trim()))
    .filter(([serial]) => serial && serial[0] !== "#");
}

test("each card that is done gets a line with its token key and without its unlock key", () => {
  const server = { serial: "IB3000124", suite: "OCRA-1:HOTP-SHA1-8:QN06-PSHA1", key: Buffer.alloc(20, 1) };
  const records = [
    record(),
    record({ serial: "IB3000125", state: "pending" }),
    record({ ...server, pinCheck: "server" }),
  ];
  assert.is(writePrivacyIdeaCsv(PATH, records), 2);
  assert.equal(readCsv(), [
    ["IB3000123", "a5".repeat(32), "ocra", "OCRA-1:HOTP-SHA256-8:QN06"],
    ["IB3000124", "01".repeat(20), "ocra", "OCRA-1:HOTP-SHA1-8:QN06-PSHA1"],
  ]);
  assert.is(
    readFileSync(PATH, "utf8").split("\n")[0],
    `IB3000123, ${"a5".repeat(32)}, ocra, OCRA-1:HOTP-SHA256-8:QN06`,
  );
});

test("only the owner can read the file, and it is never overwritten", () => {
  writePrivacyIdeaCsv(PATH, [record()]);
  if (process.platform !== "win32") assert.is(statSync(PATH).mode & 0o777, 0o600);
  assert.throws(
    () => writePrivacyIdeaCsv(PATH, []),
    (error: unknown) => error instanceof FileError && error.reason === "exists",
  );
  assert.is(readCsv().length, 1);
});

test("a serial number that would break the format or that a spreadsheet would execute stops the export", () => {
  for (const serial of ["A,B", "#1", "=1+1", "-1", "@x", "a b", "a\nb"]) {
    assert.throws(
      () => writePrivacyIdeaCsv(PATH, [record(), record({ serial })]),
      (error: unknown) => error instanceof SeedFileError && !error.message.includes("a5a5"),
    );
    assert.equal(readdirSync(FOLDER), []);
  }
});

test.run();
