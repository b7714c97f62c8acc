// The CSV that Nextcloud's twofactor_oath imports.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SeedFileError } from "../../../host-tools/files/errors.js";
import { base32Of } from "../../../host-tools/files/secretbytes.js";
import { writeNextcloudCsv } from "../../../host-tools/seeds/nextcloud.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { suite } from "../../support/suite.js";

const test = suite("nextcloud");

const FOLDER = scratchFolder();
let files = 0;
const newPath = () => join(FOLDER, `${++files}.csv`);

function record(change: Partial<SeedRecord> = {}): SeedRecord {
  return {
    serial: "IB3000123",
    suite: "OCRA-1:HOTP-SHA256-8:QN06",
    pinCheck: "card",
    tries: 5,
    key: Buffer.from("12345678901234567890123456789012"),
    unlockKey: pattern(32, 9),
    state: "done",
    keyset: undefined,
    userName: "alice",
    ...change,
  };
}

test("base32 gives the vectors of RFC 4648 §10, without padding", () => {
  for (const [text, base32] of [
    ["", ""],
    ["f", "MY"],
    ["fo", "MZXQ"],
    ["foo", "MZXW6"],
    ["foob", "MZXW6YQ"],
    ["fooba", "MZXW6YTB"],
    ["foobar", "MZXW6YTBOI"],
  ] as const)
    assert.is(base32Of(Buffer.from(text)).toString(), base32);
});

test("each card that is done and has a user name gets a line with the app's columns", () => {
  const path = newPath();
  const records = [
    record(),
    record({ serial: "IB3000124", state: "pending", userName: "bob" }),
    record({ serial: "IB3000125", userName: undefined }),
    record({
      serial: "IB3000126",
      suite: "OCRA-1:HOTP-SHA1-6:QN10",
      key: Buffer.from("foobarfoobarfoobar"),
      userName: "Zoë O'Hara",
    }),
  ];
  assert.is(writeNextcloudCsv(path, records), 2);
  assert.equal(readFileSync(path, "utf8").split("\n"), [
    "username,status,type,algorithm,digits,period,counter,challenge,suite,secret",
    "alice,none,ocra,sha256,8,,,6,OCRA-1:HOTP-SHA256-8:QN06,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
    "Zoë O'Hara,none,ocra,sha1,6,,,10,OCRA-1:HOTP-SHA1-6:QN10,MZXW6YTBOJTG633CMFZGM33PMJQXE",
    "",
  ]);
  if (process.platform !== "win32") assert.is(statSync(path).mode & 0o777, 0o600);
});

function refusal(records: readonly SeedRecord[]): string {
  const path = newPath();
  try {
    writeNextcloudCsv(path, records);
  } catch (error) {
    assert.instance(error, SeedFileError);
    assert.not(existsSync(path));
    return (error as Error).message;
  }
  throw new Error("not refused");
}

test("a user name that a spreadsheet would execute or the app would misread is refused", () => {
  for (const userName of ["=1+1", "+1", "-1", "@a", "a,b", 'a"b', "'a", "a;b", " a", "a ", "a\tb", "Username", "a|b"])
    assert.match(refusal([record({ userName })]), /the user name does not fit into CSV/);
});

test("a suite that the app cannot reproduce is refused", () => {
  for (const suite of ["C-QN06", "QA06", "QH06", "QN06-S064", "QN06-T1M"])
    assert.match(refusal([record({ suite: `OCRA-1:HOTP-SHA256-8:${suite}` })]), /Nextcloud has no suite/);
  const server = record({ suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA1", pinCheck: "server" });
  assert.match(refusal([server]), /Nextcloud has no suite/);
  assert.match(refusal([record({ suite: "OCRA-1:HOTP-SHA256-0:QN06" })]), /Nextcloud has no suite/);
});

test("two cards with one user name are refused, and so is a list without user names", () => {
  assert.match(
    refusal([record(), record({ serial: "IB3000124" })]),
    /"IB3000123" and "IB3000124" have the same user name/,
  );
  assert.match(refusal([record({ userName: undefined })]), /no card has a user name/);
  assert.match(refusal([]), /no card has a user name/);
});

test.run();
