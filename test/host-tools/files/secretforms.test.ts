// What editors, keyboards and typing errors do to files with secrets: each form is refused with a reason or read as it was
// meant. Passphrases are normalised, so that it does not matter how they were typed.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SecretError, SeedFileError } from "../../../host-tools/files/errors.js";
import { formForNew, nfkc } from "../../../host-tools/files/passphrase.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { readKey, readPin, readSeedSecret, readTransportKey } from "../../../host-tools/files/secretfile.js";
import { exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { importPskc } from "../../../host-tools/seeds/pskcimport.js";
import { scratchFolder } from "../../support/scratch.js";
import { suite } from "../../support/suite.js";

const test = suite("forms of secrets");

const FOLDER = scratchFolder();
const HEX = "c0ffee00facade11decade22fa11ed33";
const KEY = Buffer.from(HEX, "hex");
const PIN = "8352";
const PHRASE = "the canary sings";

let files = 0;

function file(contents: string | Buffer): string {
  const path = join(FOLDER, String(++files));
  writeFileSync(path, contents, { mode: 0o600 });
  chmodSync(path, 0o600);
  return path;
}

function utf16(text: string, mark: boolean, bigEndian: boolean): Buffer {
  const bytes = Buffer.from(`${mark ? "\ufeff" : ""}${text}`, "utf16le");
  return bigEndian ? bytes.swap16() : bytes;
}

/** Reads a secret as for a new seed file. */
function readForNew(path: string): Buffer {
  const secret = readSeedSecret(path);
  return secret instanceof Uint8Array ? secret : formForNew(secret);
}

/** For each reader: a valid text in a file and the bytes that it stands for. */
const READERS = {
  "token key": { read: (path: string) => readKey(path), text: HEX, bytes: KEY },
  "transport key": { read: (path: string) => readTransportKey(path), text: HEX, bytes: KEY },
  PIN: { read: (path: string) => readPin(path), text: PIN, bytes: Buffer.from(PIN) },
  "key of a seed file": { read: readForNew, text: HEX, bytes: KEY },
  "passphrase of a seed file": { read: readForNew, text: PHRASE, bytes: Buffer.from(PHRASE) },
};

/** Changes of any text after which its meaning is lost. */
const SPOILED: [what: string, spoil: (text: string) => string | Buffer, why: RegExp][] = [
  ["a byte-order mark", (text) => `\ufeff${text}\n`, /byte-order mark/],
  ["UTF-16, little endian", (text) => utf16(`${text}\r\n`, true, false), /UTF-16/],
  ["UTF-16, big endian", (text) => utf16(`${text}\n`, true, true), /UTF-16/],
  ["UTF-16 without a mark", (text) => utf16(text, false, false), /NUL bytes/],
  ["a NUL byte at its end", (text) => `${text}\0\n`, /NUL bytes/],
  ["a NUL byte in it", (text) => `${text.slice(0, 2)}\0${text.slice(2)}`, /NUL bytes/],
  ["nothing in it", () => "", /empty|no PIN/],
  ["a line end only", () => "\r\n", /empty|no PIN/],
  ["two lines", (text) => `${text}\n${text}\n`, /more than one line|no PIN/],
  ["too much", (text) => `${text}${" ".repeat(5000)}`, /more than 4096 bytes/],
];

for (const [name, { read, text, bytes }] of Object.entries(READERS)) {
  for (const [what, spoil, why] of SPOILED)
    test(`${name}: a file with ${what} is refused in one line that says why and contains no part of it`, () => {
      const path = file(spoil(text));
      const { message } = refusal(() => read(path));
      assert.match(message, why);
      assert.ok(message.startsWith(`${path}: `), message);
      for (const part of [text, text.slice(0, 6)]) assert.not(message.includes(part), message);
      assert.not.match(message, /\n/);
    });

  test(`${name}: a file with LF, CRLF or no line end is read`, () => {
    for (const end of ["", "\n", "\r\n"]) assert.equal(read(file(`${text}${end}`)), bytes);
  });
}

test("blanks around keys and PINs are ignored; those around a passphrase belong to it", () => {
  for (const name of ["token key", "transport key", "PIN", "key of a seed file"] as const) {
    const { read, text, bytes } = READERS[name];
    for (const around of [`  ${text}`, `${text}  \r\n`, `\t${text}\t\n`]) assert.equal(read(file(around)), bytes, name);
  }
  assert.equal(readForNew(file(` ${PHRASE} \n`)), Buffer.from(` ${PHRASE} `));
});

/** Keys of 16 bytes with typing and pasting errors. */
const NEARLY_KEYS: [what: string, text: string][] = [
  ["31 digits", HEX.slice(1)],
  ["33 digits", `${HEX}7`],
  ["30 digits", HEX.slice(2)],
  ["64 digits", HEX.repeat(2)],
  ["two digits", "c0"],
  ["decimal digits", "31415926"],
  ["capitals, a digit short", HEX.slice(1).toUpperCase()],
  ["a comment above, a digit short", `# of the site\n${HEX.slice(1)}`],
  ["0x in front", `0x${HEX}`],
  ["the letter O for a zero", HEX.replaceAll("0", "O")],
  ["an l for a one", HEX.replace("1", "l")],
  ["blanks between", HEX.replace(/..(?=.)/g, "$& ")],
  ["colons between", HEX.replace(/..(?=.)/g, "$&:")],
  ["quotes around", `"${HEX}"`],
  ["a comma after it", `${HEX},`],
  ["full-width digits", HEX.replace(/[0-9]/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))],
];

for (const [what, text] of NEARLY_KEYS)
  test(`a key of a seed file with ${what} is not taken for a passphrase`, () => {
    for (const end of ["", "\n", "\r\n"]) {
      const { message } = refusal(() => readForNew(file(`${text}${end}`)));
      assert.match(message, /a key is 32 of them and nothing else/);
      assert.not(message.toLowerCase().includes(text.slice(0, 12).toLowerCase()), message);
    }
  });

test("a text that does not look like a key is a passphrase", () => {
  for (const text of ["qwerty", "correct horse battery staple", "dead beef", "face to face", "пароль", "a-1", "#hash"])
    assert.equal(readForNew(file(`${text}\n`)), Buffer.from(text), text);
});

test("a passphrase in another encoding, or with control characters, is refused", () => {
  const latin = file(Buffer.from("clé", "latin1"));
  assert.is(refusal(() => readForNew(latin)).message, `${latin}: not UTF-8; save it in that encoding`);
  for (const control of ["\r", "\x1b", "\x7f", "\x08"])
    assert.match(refusal(() => readForNew(file(`one${control}two`))).message, /control characters/);
});

test("a text that looks like a mistyped key makes no new file", () => {
  const secret = readSeedSecret(file(HEX.slice(1)));
  assert.throws(() => exportPskc([CARD], secret, { unlockKeys: false }), isDoubt);
});

// ---- one form ----

const CARD = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: Buffer.from("12345678901234567890123456789012"),
} as const;

/** Each text composed, and decomposed or with compatibility characters. */
const FORMS = [
  ["café", "cafe\u0301"],
  ["Ωmega", "\u2126mega"],
  ["naïve ﬁsh №5".normalize("NFKC"), "nai\u0308ve \ufb01sh \u21165"],
  ["한글", "한글".normalize("NFD")],
  ["x\u1e69", "xs\u0307\u0323"],
] as const;

test("normalising a text piece by piece gives the same as Node's normalize", () => {
  const others = ["", "a", "é", "ab", "aé", "éa", "e\u0301", "ae\u0301b\u0301\u0302c", "\u0301a", "日本 x 語"];
  for (const text of [...FORMS.flat(), ...others])
    assert.is(nfkc(Buffer.from(text)).toString(), text.normalize("NFKC"), JSON.stringify(text));
});

test("a passphrase opens a file in either form of Unicode", () => {
  const [composed, decomposed] = FORMS[0];
  for (const [first, second] of [
    [composed, decomposed],
    [decomposed, composed],
  ]) {
    const passphrase = Buffer.from(first as string);
    const path = file(exportPskc([CARD], { passphrase }, { unlockKeys: false }));
    assert.equal(keyIn(path, Buffer.from(second as string)), CARD.key);
  }
});

/** The token key in a file under a passphrase. */
function keyIn(path: string, passphrase: Buffer): Buffer | undefined {
  return importPskc(path, { passphrase }).records[0]?.key;
}

// Written by the first release, which took passphrases byte for byte.
const DECOMPOSED = join(ROOT, "test", "host-tools", "files", "seeds-decomposed.xml");
const MARKED = join(ROOT, "test", "host-tools", "files", "seeds-marked.xml");

test("a file of the first release opens only with its passphrase byte for byte", () => {
  const passphrase = Buffer.from("un cafe\u0301 au lait");
  assert.equal(keyIn(DECOMPOSED, passphrase), CARD.key);
  assert.throws(() => keyIn(DECOMPOSED, Buffer.from("un café au lait")), /does not open|MAC is wrong/);
});

test("a passphrase that is refused today opens a file of the first release, and no other file", () => {
  const secret = readSeedSecret(file(`\ufeff${HEX}\n`));
  assert.equal(importPskc(MARKED, secret).records[0]?.key, CARD.key);
  assert.throws(() => importPskc(DECOMPOSED, secret), isDoubt);
  const underKey = file(exportPskc([CARD], KEY, { unlockKeys: false }));
  assert.throws(() => importPskc(underKey, secret), isDoubt);
});

test("a passphrase that is wrong in every form is reported as wrong", () => {
  const secret = { passphrase: Buffer.from("cafe\u0301") };
  assert.throws(
    () => importPskc(DECOMPOSED, secret),
    (error: unknown) => error instanceof SeedFileError && /does not open|MAC is wrong/.test(error.message),
  );
});

function isDoubt(error: unknown): boolean {
  return error instanceof SecretError && /byte-order mark|31 hexadecimal digits/.test(error.message);
}

function refusal(run: () => unknown): SecretError {
  try {
    run();
  } catch (error) {
    if (error instanceof SecretError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

test.run();
