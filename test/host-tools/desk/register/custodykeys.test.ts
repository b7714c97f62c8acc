// The key files of a register: drawn once and read back, with or without a passphrase; and refused files.

import { scryptSync } from "node:crypto";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Exit, exitCodeOf } from "../../../../host-tools/cli/exit.js";
import { createCustodyKey, readCustodyKey } from "../../../../host-tools/desk/register/custodykeys.js";
import { FileError, SecretError } from "../../../../host-tools/files/errors.js";
import { seal, unseal } from "../../../support/byhand.js";
import { pattern } from "../../../support/pattern.js";
import { scratchFolder } from "../../../support/scratch.js";
import { ON_WINDOWS, testUnless } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";

const test = suite("custodykeys");

const FOLDER = scratchFolder();
const KEY = pattern(32, 1);
const SALT = pattern(16, 2);
let files = 0;

const fresh = () => join(FOLDER, `${++files}.key`);

function fileOf(contents: string): string {
  const path = fresh();
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const asking = (text: string) => async () => ({ passphrase: Buffer.from(text) });

/** A key file with a passphrase, made by hand. Its `cost` is low: that of a new file has a separate test. */
function wrappedFile(text: string, { cost = [4, 8, 1], kind = "site", key = KEY } = {}): string {
  const [log2n = 0, r, p] = cost;
  const head = `dsc-key ${kind} scrypt ${cost.join(" ")} ${SALT.toString("hex")}`;
  const wrapping = scryptSync(Buffer.from(text), SALT, 32, { N: 2 ** log2n, r, p });
  return `# a comment\n${head} ${seal(wrapping, pattern(12), key, Buffer.from(head)).toString("hex")}\n`;
}

async function refusal(path: string, text?: string): Promise<Error> {
  try {
    await readCustodyKey(path, "site", text === undefined ? {} : { askPassphrase: asking(text) });
  } catch (error) {
    assert.ok(error instanceof SecretError || error instanceof FileError, String(error));
    assert.is(exitCodeOf(error), Exit.FILE);
    assert.not.match(error.message, /\n/);
    return error;
  }
  throw new Error("it was read");
}

test("a new key is read back, only its owner can read it, it states its kind, and it is never overwritten", async () => {
  for (const kind of ["site", "desk", "journal"] as const) {
    const path = fresh();
    const key = createCustodyKey(path, kind);
    assert.is(key.length, 32);
    assert.equal(await readCustodyKey(path, kind), key);
    const text = readFileSync(path, "utf8");
    assert.match(text, new RegExp(`^# DSC\\+ ${kind} key [^\\n]+\\n${key.toString("hex")}\\n$`));
    if (process.platform !== "win32") assert.is(statSync(path).mode & 0o777, 0o600);
    assert.throws(
      () => createCustodyKey(path, kind),
      (error: unknown) => error instanceof FileError && error.reason === "exists",
    );
    assert.is(readFileSync(path, "utf8"), text);
  }
});

test("a new file under a passphrase uses scrypt with N = 2^17, r = 8, p = 1, and has no key in the clear", async () => {
  const path = fresh();
  const key = createCustodyKey(path, "desk", { passphrase: { passphrase: Buffer.from("a long passphrase") } });
  const text = readFileSync(path, "utf8");
  const [, head = "", salt = "", sealed = ""] = /^((?:.*) 17 8 1 ([0-9a-f]{32})) ([0-9a-f]+)$/m.exec(text) ?? [];
  assert.match(head, /^dsc-key desk scrypt /);
  const options = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 };
  const wrapping = scryptSync("a long passphrase", Buffer.from(salt, "hex"), 32, options);
  assert.equal(unseal(wrapping, Buffer.from(sealed, "hex"), Buffer.from(head)), key);
  assert.not.match(text, key.toString("hex"));
  assert.equal(await readCustodyKey(path, "desk", { askPassphrase: asking("a long passphrase") }), key);
});

test("a file under a passphrase opens with either form of é, and the passphrase is wiped", async () => {
  const path = fileOf(wrappedFile("caf\u00e9 noir"));
  for (const typed of ["caf\u00e9 noir", "cafe\u0301 noir"]) {
    const passphrase = Buffer.from(typed);
    assert.equal(await readCustodyKey(path, "site", { askPassphrase: async () => ({ passphrase }) }), KEY);
    assert.equal(passphrase, Buffer.alloc(passphrase.length));
  }
});

test("a wrong passphrase, a missing one and another kind of key are each refused in one line", async () => {
  const path = fileOf(wrappedFile("right"));
  assert.match((await refusal(path, "wrong")).message, /the passphrase does not open this key/);
  assert.match((await refusal(path)).message, /this key needs its passphrase; give it$/);
  const desk = fileOf(wrappedFile("right", { kind: "desk" }));
  assert.match((await refusal(desk, "right")).message, /is a desk key; the site key is wanted$/);
});

test("a file with a changed kind, cost, salt or key is refused", async () => {
  const text = wrappedFile("right");
  const changes: [RegExp, string][] = [
    [/scrypt 4/, "scrypt 5"],
    [/4 8 1/, "4 8 2"],
    [new RegExp(SALT.toString("hex")), pattern(16, 9).toString("hex")],
    [/[0-9a-f]{2}$/m, "zz"],
    [/[0-9a-f]{2}$/m, ""],
    [/[0-9a-f]{2}$/m, "0000"],
  ];
  for (const [from, to] of changes) {
    const changed = text.replace(from, to);
    assert.is.not(changed, text);
    assert.match(
      (await refusal(fileOf(changed), "right")).message,
      /but damaged; restore it from a copy$|or the file was changed; try again$/,
    );
  }
  const asDesk = fileOf(wrappedFile("right", { kind: "desk" }).replace("desk", "site"));
  assert.match((await refusal(asDesk, "right")).message, /or the file was changed; try again$/);
  const short = fileOf(wrappedFile("right", { key: KEY.subarray(1) }));
  assert.match((await refusal(short, "right")).message, /does not open/);
});

test("a file that asks for all memory is refused before scrypt begins", async () => {
  for (const cost of ["21 8 1", "17 9 1", "17 8 5", "0 8 1", "17 0 1", "99 99 99"]) {
    const text = wrappedFile("right").replace("4 8 1", cost);
    assert.match((await refusal(fileOf(text), "right")).message, /requests more memory or time/);
  }
});

test("a file with a key in hexadecimal has exactly 32 bytes and nothing else", async () => {
  const hex = KEY.toString("hex");
  assert.equal(await readCustodyKey(fileOf(`# mine\n${hex}\n`), "site"), KEY);
  for (const contents of ["", hex.slice(2), `${hex}00`, `${hex}\n${hex}`, `${hex}\n${wrappedFile("x")}`]) {
    const { message } = await refusal(fileOf(contents), "x");
    assert.not.match(message, hex.slice(0, 8));
  }
});

test("a key may come over standard input", async () => {
  const contents = Buffer.from(`${KEY.toString("hex")}\n`);
  assert.equal(await readCustodyKey("-", "journal", { contents }), KEY);
});

testUnless(test, ON_WINDOWS, "a file that others may read is refused, unless the caller allows it", async () => {
  const path = fileOf(KEY.toString("hex"));
  chmodSync(path, 0o644);
  assert.match((await refusal(path)).message, /others may read it; run chmod 600/);
  assert.equal(await readCustodyKey(path, "site", { allowShared: true }), KEY);
});

test.run();
