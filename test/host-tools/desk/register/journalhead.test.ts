// The file of a saved head: written and read back; other files are refused.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { isSignedBy, JournalKey } from "../../../../host-tools/desk/register/journalchain.js";
import { headInJson, readHead } from "../../../../host-tools/desk/register/journalhead.js";
import { FileError } from "../../../../host-tools/files/errors.js";
import { pattern } from "../../../support/pattern.js";
import { scratchFolder } from "../../../support/scratch.js";
import { suite } from "../../../support/suite.js";

const test = suite("journalhead");

const PATH = join(scratchFolder(), "head.json");
const key = new JournalKey(pattern(32, 1), pattern(16, 2));
const HEAD = headInJson({
  ...key.signHead({ number: 7, mac: pattern(32, 3) }, 1_795_867_200_123),
  publicKey: key.publicKey,
});

function refused(contents: string): boolean {
  writeFileSync(PATH, contents);
  try {
    readHead(PATH);
    return false;
  } catch (error) {
    return error instanceof FileError && /not a head of a journal/.test(error.message);
  }
}

test("a signed head is read back", () => {
  writeFileSync(PATH, JSON.stringify(HEAD));
  const head = readHead(PATH);
  assert.is(head.number, 7);
  assert.is(HEAD.at, "2026-11-28T12:00:00.123Z");
  assert.equal(head.publicKey, key.publicKey);
  assert.ok(isSignedBy(key.publicKey, head));
});

test("a text that is no head is refused in one line", () => {
  for (const contents of ["", "null", "[]", "7", "{}", "{", JSON.stringify([HEAD])])
    assert.ok(refused(contents), contents);
  for (const name of Object.keys(HEAD) as (keyof typeof HEAD)[])
    for (const value of [undefined, null, 7.5, "", "00", "x", `${HEAD[name]}0`])
      assert.ok(refused(JSON.stringify({ ...HEAD, [name]: value })), `${name}: ${value}`);
});

test("a missing file is an error of one line", () => {
  assert.throws(
    () => readHead(`${PATH}.none`),
    (error: unknown) => error instanceof FileError && error.reason === "missing",
  );
});

test.run();
