// Secrets from files and standard input: accepted forms, refused forms, and errors without any part of the secret.

import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Exit, exitCodeOf } from "../../../host-tools/cli/exit.js";
import { FileError, SecretError } from "../../../host-tools/files/errors.js";
import {
  createTransportKeyFile,
  readKey,
  readPassphrase,
  readPin,
  readTransportKey,
  STDIN,
} from "../../../host-tools/files/secretfile.js";
import { ON_WINDOWS, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("secretfile");

const FOLDER = mkdtempSync(join(tmpdir(), "dsc-secret-"));
const PATH = join(FOLDER, "secret");
const HEX = "00112233445566778899aAbBcCdDeEfF";

test.after(() => rmSync(FOLDER, { recursive: true }));

function file(contents: string | Buffer, mode = 0o600): string {
  rmSync(PATH, { force: true });
  writeFileSync(PATH, contents, { mode });
  chmodSync(PATH, mode);
  return PATH;
}

test("a key is read in upper or lower case, with or without a line end or comments", () => {
  for (const contents of [HEX, `${HEX}\n`, `  ${HEX}\r\n`, `# a key\n\n${HEX}\n# no more\n`, HEX.toUpperCase()]) {
    assert.is(readKey(file(contents)).toString("hex"), HEX.toLowerCase());
  }
  assert.is(readKey(file("ab".repeat(64))).length, 64);
});

for (const [what, contents, message] of [
  ["empty", "\n", /: empty; a key/],
  ["a comment only", `# ${HEX}`, /: empty; a key/],
  ["an odd number of digits", `${HEX}7`, /: an odd number of hexadecimal digits$/],
  ["too short", HEX.slice(2), /: a key of 15 bytes; 16 to 64 are expected$/],
  ["too long", "ab".repeat(65), /: a key of 65 bytes; 16 to 64 are expected$/],
  ["not hexadecimal", HEX.replace("11", "1g"), /: not hexadecimal$/],
  ["with 0x", `0x${HEX}`, /: not hexadecimal$/],
  ["two lines", `${HEX}\n${HEX}`, /: more than one line/],
  ["bytes", Buffer.from(HEX, "hex"), /: NUL bytes in it/],
  ["huge", "ab".repeat(3000), /: more than 4096 bytes/],
] as const) {
  test(`a key file that is ${what} is refused in one line that does not contain the key`, () => {
    const error = caught(() => readKey(file(contents)));
    assert.match(error.message, message);
    assert.not.match(error.message.toLowerCase(), /aabbcc|\n/);
    assert.is(exitCodeOf(error), Exit.FILE);
  });
}

test("a transport key has 16 bytes", () => {
  assert.match(caught(() => readTransportKey(file("ab".repeat(32)))).message, /a key of 32 bytes; 16 are expected$/);
});

test("a new transport key is read back, only its owner can read the file, and it is never overwritten", () => {
  const path = join(FOLDER, "transport");
  createTransportKeyFile(path);
  const key = readTransportKey(path);
  assert.is(key.length, 16);
  assert.match(readFileSync(path, "utf8"), /^# [^\n]+\n[0-9a-f]{32}\n$/);
  if (process.platform !== "win32") assert.is(statSync(path).mode & 0o777, 0o600);
  assert.throws(
    () => createTransportKeyFile(path),
    (error: unknown) => error instanceof FileError && error.reason === "exists",
  );
  assert.equal(readTransportKey(path), key);
  createTransportKeyFile(`${path}2`);
  assert.not.equal(readTransportKey(`${path}2`), key);
});

testUnless(test, ON_WINDOWS, "a file that others may read is refused, unless the caller says so", () => {
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    const path = file(HEX, mode);
    assert.match(caught(() => readKey(path)).message, /others may read it; run chmod 600/);
    assert.is(readKey(path, { allowShared: true }).length, 16);
  }
  assert.is(readKey(file(HEX, 0o400)).length, 16);
});

test("a folder is reported as a folder, whatever its mode", () => {
  assert.match(caught(() => readKey(FOLDER)).message, /: it is a folder$/);
});

testUnless(test, ON_WINDOWS, "a device is reported as not a file, whatever its mode", () => {
  assert.match(caught(() => readKey("/dev/zero")).message, /: not a file$/);
});

test("a PIN is four digits", () => {
  for (const contents of ["4071", "4071\n", " 4071\r\n"]) assert.is(readPin(file(contents)).toString(), "4071");
  for (const contents of ["", "407", "40711", "40a1", "4071\n4071", "40 71"]) {
    const { message } = caught(() => readPin(file(contents)));
    assert.match(message, /: no PIN; four digits are expected, and nothing else$/);
  }
});

test("a passphrase keeps its spaces and loses its line end", () => {
  for (const end of ["", "\n", "\r\n"]) {
    assert.is(readPassphrase(file(` a pass phräse ${end}`)).toString(), " a pass phräse ");
  }
  assert.match(caught(() => readPassphrase(file("\n"))).message, /: empty/);
  assert.match(caught(() => readPassphrase(file("one\ntwo\n"))).message, /: more than one line/);
});

test("contents read from standard input or a pipe follow the rules for files", () => {
  assert.is(readKey(STDIN, { contents: Buffer.from(`${HEX}\n`) }).toString("hex"), HEX.toLowerCase());
  assert.match(caught(() => readKey(STDIN, { contents: Buffer.alloc(0) })).message, /^standard input: empty/);
});

test("a missing file or a folder is an error of one line", () => {
  assert.throws(
    () => readKey(join(FOLDER, "none")),
    (error: unknown) => error instanceof FileError,
  );
  assert.throws(
    () => readPin(FOLDER, { allowShared: true }),
    (error: unknown) => error instanceof FileError || error instanceof SecretError,
  );
});

test("the caller gets a separate copy to wipe", () => {
  const path = file("4071");
  readPin(path).fill(0);
  assert.is(readPin(path).toString(), "4071");
});

function caught(run: () => unknown): SecretError {
  try {
    run();
  } catch (error) {
    if (error instanceof SecretError) return error;
    throw error;
  }
  throw new Error("no error");
}

test.run();
