// PSKC exports: our import and other projects' readers read them, and they contain nothing that must stay in the register.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import { SecretError, SeedFileError } from "../../../host-tools/files/errors.js";
import { type ExportedCard, exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { importPskc } from "../../../host-tools/seeds/pskcimport.js";
import type { SeedSecret } from "../../../host-tools/seeds/pskckeys.js";
import { userIdOf, userNameIn } from "../../../host-tools/seeds/userid.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { NO_PSKCTOOL, NO_PYTHON_PSKC, output, PYTHON } from "../../support/tools.js";

const test = suite("pskc export");

const FOLDER = scratchFolder();
const KEY = pattern(16, 3);
const PASSPHRASE = { passphrase: Buffer.from("a pass phräse") };
const SECRETS = { key: KEY, passphrase: PASSPHRASE };

const CARD: ExportedCard = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: pattern(32, 0x41),
  unlockKey: pattern(32, 0x91),
  userName: "o'hara, zoë",
};
const SERVER: ExportedCard = {
  serial: "IB3000124",
  suite: "OCRA-1:HOTP-SHA512-8:QN06-PSHA1",
  pinCheck: "server",
  tries: undefined,
  key: pattern(64, 0x11),
};
const CARDS = [CARD, SERVER];

let files = 0;

function filed(bytes: string | Uint8Array): string {
  const path = join(FOLDER, `${++files}.xml`);
  writeFileSync(path, bytes);
  return path;
}

function exported(secret: SeedSecret, unlockKeys: boolean, cards: readonly ExportedCard[] = CARDS): string {
  return filed(exportPskc(cards, secret, { unlockKeys }));
}

/** A card as an import returns it. */
function asImported(card: ExportedCard, unlockKeys: boolean) {
  const { unlockKey, userName, ...rest } = card;
  const read = { ...rest, unlockKey: unlockKeys ? unlockKey : undefined, state: "done", keyset: undefined };
  return userName === undefined ? read : { ...read, userName };
}

for (const [what, secret] of Object.entries(SECRETS)) {
  for (const unlockKeys of [false, true]) {
    test(`our import reads an export under a ${what}, ${unlockKeys ? "with" : "without"} unlock keys`, () => {
      const bytes = exportPskc(CARDS, secret, { unlockKeys });
      const { records, refusals, others, sha256 } = importPskc(filed(bytes), secret);
      assert.equal(
        records,
        CARDS.map((card) => asImported(card, unlockKeys)),
      );
      assert.equal([refusals, others], [[], 0]);
      assert.is(sha256, createHash("sha256").update(bytes).digest("hex"));
    });
  }
}

test("an export has no key in the clear, and no trace of an unlock key that was not asked for", () => {
  const clear = [CARD.key, CARD.unlockKey, SERVER.key].map((key) => Buffer.from(key as Uint8Array));
  for (const unlockKeys of [false, true]) {
    const text = exportPskc(CARDS, KEY, { unlockKeys }).toString("latin1");
    for (const key of clear) {
      // Base64 has three forms, depending on the offset at which the key begins.
      const base64 = [0, 1, 2].map((at) => key.subarray(at).toString("base64").slice(0, 16));
      for (const form of [key.toString("hex").slice(0, 16), key.toString("latin1").slice(0, 8), ...base64]) {
        assert.not(text.includes(form), form);
        assert.not(text.toLowerCase().includes(form.toLowerCase()), form);
      }
    }
    assert.is(/Unlock|-U</.test(text), unlockKeys);
    assert.is([...text.matchAll(/<pskc:KeyPackage>/g)].length, unlockKeys ? 3 : 2);
  }
});

test("nothing of a card's personalization is in an export", () => {
  assert.not.match(exportPskc(CARDS, KEY, { unlockKeys: true }).toString(), /<dsc:|Extensions/);
});

test("an unlock key has its own serial number, so that no importer takes it for the token key", () => {
  const text = exportPskc([CARD], KEY, { unlockKeys: true }).toString();
  const serials = [...text.matchAll(/<pskc:SerialNo>([^<]*)</g)].map(([, serial]) => serial);
  const names = [...text.matchAll(/<pskc:Key [^>]*Id="([^"]*)"/g)].map(([, name]) => name);
  assert.equal(
    [serials, names],
    [
      ["IB3000123", "IB3000123-U"],
      ["IB3000123", "IB3000123-U"],
    ],
  );
});

test("two keys are never exported under one serial number", () => {
  for (const other of [
    { ...SERVER, serial: CARD.serial },
    { ...SERVER, serial: "IB3000123-U" },
  ]) {
    assert.throws(
      () => exportPskc([CARD, other], KEY, { unlockKeys: true }),
      (error: unknown) => error instanceof SeedFileError && /two keys would be exported as/.test(error.message),
    );
  }
});

test("an export under a passphrase opens with it in either form of Unicode", () => {
  const [composed, decomposed] = ["NFC", "NFD"].map((form) => ({
    passphrase: Buffer.from("pass phräse é".normalize(form)),
  }));
  assert.ok(composed && decomposed && !composed.passphrase.equals(decomposed.passphrase));
  const path = exported(decomposed, false);
  for (const secret of [composed, decomposed])
    assert.equal(
      importPskc(path, secret).records.map(({ key }) => key),
      CARDS.map(({ key }) => key),
    );
});

test("an export is refused without cards, with a doubtful passphrase, a key of the wrong length or a bad user name", () => {
  const refused = (run: () => unknown, kind: typeof SeedFileError | typeof SecretError, why: RegExp) =>
    assert.throws(run, (error: unknown) => error instanceof kind && why.test(error.message));
  const options = { unlockKeys: false };
  refused(() => exportPskc([], KEY, options), SeedFileError, /no card to export/);
  refused(() => exportPskc([CARD], KEY.subarray(1), options), SeedFileError, /a key of 16 bytes/);
  refused(() => exportPskc([{ ...CARD, key: pattern(15) }], KEY, options), SeedFileError, /16 to 64 bytes/);
  refused(() => exportPskc([{ ...CARD, pinCheck: "server" }], KEY, options), SeedFileError, /PIN check/);
  for (const userName of ["", "a\nb", "\ud800", "a".repeat(257)])
    refused(() => exportPskc([{ ...CARD, userName }], KEY, options), SeedFileError, /user name/);
  const doubtful = { passphrase: Buffer.from("00"), doubt: "2 hexadecimal digits" };
  refused(() => exportPskc([CARD], doubtful, options), SecretError, /2 hexadecimal digits/);
});

// User names in UserId

test("a user name is read from a distinguished name, as in the examples of RFC 4514 and of other tools", () => {
  for (const [userId, name] of [
    ["UID=jsmith,DC=example-bank,DC=net", "jsmith"],
    ["UID=jsmith", "jsmith"],
    ["uid = jsmith + CN=John", "jsmith "],
    ['UID=James \\"Jim\\" Smith\\, III', 'James "Jim" Smith, III'],
    ["UID=Lu\\C4\\8Di\\C4\\87", "Lučić"],
    ["CN=Before\\0dAfter,DC=example,DC=net", "CN=Before\\0dAfter,DC=example,DC=net"],
    ["jsmith", "jsmith"],
    ["UID=", undefined],
    ["UID=a\\00", undefined],
  ] as const)
    assert.is(userNameIn(userId), name, userId);
});

test("any user name is read back unchanged, also after white space is trimmed", () => {
  const characters = fc.constantFrom(..." ,+\"\\<>;=#'@-.aZ0éč漢😀");
  const name = fc.array(characters, { minLength: 1, maxLength: 12 }).map((all) => all.join(""));
  // biome-ignore lint/nursery/noFloatingPromises: the property is synchronous, so there is nothing to await
  fc.assert(fc.property(name, (userName) => assert.is(userNameIn(userIdOf(userName).trim()), userName)));
});

// Other projects' readers

for (const [what, secret] of Object.entries(SECRETS)) {
  for (const unlockKeys of [false, true]) {
    const title = `an export under a ${what}, ${unlockKeys ? "with" : "without"} unlock keys`;

    packageTest(test, NO_PSKCTOOL, `pskctool finds ${title} valid`, () => {
      const path = exported(secret, unlockKeys);
      assert.match(spawnSync("pskctool", ["--validate", path], { encoding: "utf8" }).stdout, /^OK\s*$/);
    });

    packageTest(test, NO_PYTHON_PSKC, `python-pskc decrypts ${title}`, () => {
      const path = exported(secret, unlockKeys);
      const given =
        "passphrase" in secret ? ["passphrase", secret.passphrase.toString()] : ["key", KEY.toString("hex")];
      const hex = (key: Uint8Array | undefined) => Buffer.from(key ?? []).toString("hex");
      const userId = "UID=o'hara\\, zoë";
      assert.equal(JSON.parse(output(PYTHON, ["-c", PYTHON_READER, path, ...given]).toString()), [
        ["IB3000123", "IB3000123", CARD.suite, hex(CARD.key), ["CR"], userId],
        ...(unlockKeys
          ? [["IB3000123-U", "IB3000123-U", "OCRA-1:HOTP-SHA256-8:QN08", hex(CARD.unlockKey), ["Unlock"], null]]
          : []),
        ["IB3000124", "IB3000124", SERVER.suite, hex(SERVER.key), ["CR"], null],
      ]);
    });
  }
}

const PYTHON_READER = `
import json, sys
from pskc import PSKC
file = PSKC(sys.argv[1])
if sys.argv[2] == "key":
  file.encryption.key = bytes.fromhex(sys.argv[3])
else:
  file.encryption.derive_key(sys.argv[3])
print(json.dumps([[k.serial, k.id, k.algorithm_suite, k.secret.hex(), k.policy.key_usage, k.key_userid]
  for k in file.keys if k.check()]))
`;

test.run();
