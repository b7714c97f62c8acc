// Reading PSKC: seed files of the first release, files of other tools, and invalid files, which are refused in one line.

import { spawnSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import { Exit, exitCodeOf } from "../../../host-tools/cli/exit.js";
import { FileError, SeedFileError } from "../../../host-tools/files/errors.js";
import { describeRefusal, type Imported, importPskc } from "../../../host-tools/seeds/pskcimport.js";
import type { SeedSecret } from "../../../host-tools/seeds/pskckeys.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { DERIVED_KEY, derivedFile, FOREIGN_KEY, foreignFile } from "../../support/foreignseedfile.js";
import { seedFile } from "../../support/seedfile.js";
import { suite } from "../../support/suite.js";
import { PYTHON } from "../../support/tools.js";
import { EXAMPLE_SEED_FILE, EXAMPLE_SEED_KEY, EXAMPLE_SEED_SECRET } from "../../support/vectors.js";

const test = suite("pskc");

const FOLDER = mkdtempSync(join(tmpdir(), "dsc-pskc-"));
const PATH = join(FOLDER, "seeds.xml");
const KEY = EXAMPLE_SEED_SECRET;
const PASSPHRASE = { passphrase: Buffer.from("a pass phräse") };

const CARD: SeedRecord = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: Buffer.from(Array.from({ length: 32 }, (_, at) => 0x40 + at)),
  unlockKey: Buffer.from(Array.from({ length: 32 }, (_, at) => 0xc0 + at)),
  state: "pending",
  keyset: 2,
};
const SERVER: SeedRecord = {
  ...CARD,
  serial: "IB3000124",
  suite: "OCRA-1:HOTP-SHA512-8:QN06-PSHA1",
  pinCheck: "server",
  tries: undefined,
  key: Buffer.alloc(64, 0x77),
  state: "done",
  keyset: undefined,
};

test.before.each(() => {
  for (const name of readdirSync(FOLDER)) rmSync(join(FOLDER, name));
});
test.after(() => rmSync(FOLDER, { recursive: true }));

/** The text of a seed file with both cards. */
function write(secret: SeedSecret = KEY): string {
  return seedFile(secret, CARD, SERVER).toString();
}

function readText(text: string | Buffer, secret: SeedSecret = KEY): Imported {
  writeFileSync(PATH, text);
  return importPskc(PATH, secret);
}

/** Why the file, or keys in it, are refused, one line each. */
function refusal(run: () => Imported): string {
  try {
    const { refusals } = run();
    assert.ok(refusals.length > 0, "not refused");
    return refusals.map(describeRefusal).join("\n");
  } catch (error) {
    if (!(error instanceof SeedFileError)) throw error;
    assert.is(exitCodeOf(error), Exit.FILE);
    assert.not.match(error.message, "\n");
    assert.ok(error.message.startsWith(`${PATH}: `));
    return error.message.slice(PATH.length + 2);
  }
}

// Seed files of the first release

for (const [what, secret] of [
  ["key", KEY],
  ["passphrase", PASSPHRASE],
] as const) {
  test(`a file written under a ${what} is read`, () => {
    const text = write(secret);
    assert.equal(readText(text, secret).records, [CARD, SERVER]);
    for (const { key, unlockKey } of [CARD, SERVER]) {
      assert.not.match(text, key.toString("base64").slice(0, 20));
      assert.not.match(text, unlockKey?.toString("base64").slice(0, 20) ?? "-");
    }
  });
}

test("a card without an unlock key and a keyset version is read", () => {
  const bare = { ...CARD, unlockKey: undefined, keyset: undefined, key: Buffer.alloc(20, 1) };
  assert.equal(readText(seedFile(KEY, bare)).records, [bare]);
});

test("markup in a serial number stays text", () => {
  const odd = { ...CARD, serial: `<a b="c">&amp;]]>'` };
  assert.equal(readText(seedFile(KEY, odd)).records, [odd]);
});

// Files of other tools

test("another tool's example is read, and its key is the one that python-pskc reads", () => {
  copyFileSync(EXAMPLE_SEED_FILE, PATH);
  const [record, ...others] = importPskc(PATH, KEY).records;
  assert.equal(others, []);
  assert.is(record?.key.toString("hex"), EXAMPLE_SEED_KEY);
  assert.is(pythonKeyOf(EXAMPLE_SEED_FILE) ?? EXAMPLE_SEED_KEY, EXAMPLE_SEED_KEY);
  assert.is(record?.serial, "DSCA00000001");
  assert.is(record?.tries, 3);
  assert.is(record?.state, "done");
  assert.is(record?.unlockKey, undefined);
});

/** The key of a file as python-pskc reads it; undefined if that is not installed. */
function pythonKeyOf(path: string): string | undefined {
  const script =
    "import sys; from pskc import PSKC; f = PSKC(sys.argv[1]); f.encryption.key = bytes.fromhex(sys.argv[2]); print(f.keys[0].secret.hex())";
  const { status, stdout } = spawnSync(PYTHON, ["-c", script, path, KEY.toString("hex")], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

test("any namespace prefix is accepted, another namespace is not", () => {
  const text = write();
  const renamed = text.replace(/(<\/?|xmlns:)pskc\b/g, "$1p").replaceAll("xenc:", "e:");
  assert.equal(readText(renamed.replaceAll("xmlns:xenc=", "xmlns:e=")).records, [CARD, SERVER]);
  const inDefault = text.replaceAll("<pskc:", "<").replaceAll("</pskc:", "</").replaceAll("xmlns:pskc=", "xmlns=");
  assert.equal(readText(inDefault).records, [CARD, SERVER]);
  const foreign = text.replace("urn:ietf:params:xml:ns:keyprov:pskc", "urn:example");
  assert.match(
    refusal(() => readText(foreign)),
    /is not a PSKC file/,
  );
});

test("a file with a byte-order mark, comments, CDATA and CRLF line ends is read", () => {
  const text = write()
    .replace("<pskc:SerialNo>IB3000123<", "<pskc:SerialNo><![CDATA[IB3000123]]><!-- a card --><")
    .replaceAll("\n", "\r\n");
  assert.equal(readText(`\ufeff${text}`).records, [CARD, SERVER]);
});

test("keys of other algorithms are ignored", () => {
  const text = write();
  const at = text.indexOf("keyprov:pskc:ocra");
  const other = `${text.slice(0, at)}keyprov:pskc:hotp${text.slice(at + "keyprov:pskc:ocra".length)}`;
  assert.equal(readText(other).records, [SERVER]);
});

test("without a key for MACs the encryption key is used, and the hash may be SHA-256", () => {
  assert.equal(readText(foreignFile("", KEY, "hmac-sha256")).records[0]?.key, FOREIGN_KEY);
});

test("without a stated hash PBKDF2 uses SHA-1, as in figure 7 of the RFC", () => {
  const derived = pbkdf2Sync("qwerty", Buffer.from("saltsalt"), 2000, 16, "sha1");
  const text = foreignFile(DERIVED_KEY, derived, "hmac-sha256");
  assert.equal(readText(text, { passphrase: Buffer.from("qwerty") }).records[0]?.key, FOREIGN_KEY);
});

for (const [what, text, secret] of [
  ["one round", derivedFile(PASSPHRASE.passphrase, { rounds: 1 }), PASSPHRASE],
  ["one round too few", derivedFile(PASSPHRASE.passphrase, { rounds: 599_999 }), PASSPHRASE],
  ["a short salt", derivedFile(PASSPHRASE.passphrase, { salt: 15 }), PASSPHRASE],
  ["another hash", derivedFile(PASSPHRASE.passphrase, { prf: "sha1" }), PASSPHRASE],
  ["enough rounds and no key for its MACs", derivedFile(PASSPHRASE.passphrase, {}), PASSPHRASE],
  ["a key and no key for its MACs", foreignFile("", KEY, "hmac-sha256"), KEY],
] as const) {
  test(`a file with ${what} is read`, () => {
    assert.equal(readText(text, secret).records[0]?.key, FOREIGN_KEY);
  });
}

test("a signed file is read", () => {
  const signed = write().replace("</pskc:KeyContainer>", "<ds:Signature/></pskc:KeyContainer>");
  assert.equal(readText(signed).records, [CARD, SERVER]);
});

// Refusals

test("a wrong secret is reported, whether key or passphrase", () => {
  const under = { key: write(), passphrase: write(PASSPHRASE) };
  for (let other = 0; other < 20; other++) {
    assert.match(
      refusal(() => readText(under.key, Buffer.alloc(16, other))),
      /does not open|MAC is wrong/,
    );
  }
  const wrong = { passphrase: Buffer.from("another") };
  assert.match(
    refusal(() => readText(under.passphrase, wrong)),
    /does not open|MAC is wrong/,
  );
  assert.match(
    refusal(() => readText(under.key, PASSPHRASE)),
    /opens with a key, not/,
  );
  assert.match(
    refusal(() => readText(under.passphrase, KEY)),
    /opens with a passphrase, not/,
  );
  assert.match(
    refusal(() => readText(under.key, Buffer.alloc(32))),
    /a key of 16 bytes; the one given has 32/,
  );
});

const AES_128 = /aes128-cbc/g;

for (const [what, change, message] of [
  ["a changed MAC", (text: string) => changedAfter(text, "<pskc:ValueMAC>"), /"IB3000123": the MAC is wrong/],
  ["a changed value", changedValue, /"IB3000123": the MAC is wrong/],
  ["no MAC", (text: string) => text.replace(/<pskc:ValueMAC>.*<\/pskc:ValueMAC>/, ""), /not encrypted, or has no MAC/],
  ["no MACs at all", (text: string) => text.replace(/<pskc:MACMethod[\s\S]*<\/pskc:MACMethod>/, ""), /has no MACs/],
  [
    "another cipher",
    (text: string) => text.replace(AES_128, "aes256-cbc"),
    /encrypted in an unknown way: "http.*aes256/,
  ],
  ["another MAC", (text: string) => text.replace("#hmac-sha1", "#hmac-md5"), /MACs of an unknown kind/],
  [
    "no encryption",
    (text: string) => text.replace(/<pskc:EncryptionKey>[\s\S]*<\/pskc:EncryptionKey>/, ""),
    /not encrypted/,
  ],
  ["another version", (text: string) => text.replace('Version="1.0"', 'Version="2.0"'), /unknown version: "2.0"/],
  [
    "a card twice",
    (text: string) => text.replace("<pskc:SerialNo>IB3000124", "<pskc:SerialNo>IB3000123"),
    /"IB3000123": two keys have this serial number, so neither is imported/,
  ],
  [
    "two unlock keys of a card",
    (text: string) => text.replace(/(.*<pskc:SerialNo>)IB3000124/s, "$1IB3000123"),
    /"IB3000123", unlock key: two keys have this serial number, so neither is imported/,
  ],
  ["a wrong suite", (text: string) => text.replace("QN06", "QX06"), /"OCRA-1:HOTP-SHA256-8:QX06" is not an OCRA suite/],
  ["no suite", (text: string) => text.replace(/<pskc:Suite>.*<\/pskc:Suite>/, ""), /lacks pskc:Suite/],
  ["a state of its own", (text: string) => text.replace('"pending"', '"lost"'), /in state "lost"/],
  ["no number of tries", (text: string) => text.replace('Attempts="5"', 'Attempts="-5"'), /has MaxFailedAttempts "-5"/],
  [
    "control characters",
    (text: string) => text.replace("IB3000123", "&#x1b;[2J"),
    /not well-formed|usable serial number: "\?\[2J"/,
  ],
  ["no base64", (text: string) => text.replace(/(<xenc:CipherValue>)../, "$1*."), /CipherValue that is not base64/],
  ["half a block", (text: string) => text.replace(/(<xenc:CipherValue>).{4}/, "$1"), /wrong length/],
  ["another root", (text: string) => text.replaceAll("KeyContainer", "Keys"), /is not a PSKC file/],
  ["nothing", () => "", /not well-formed/],
  ["an unknown entity", (text: string) => text.replace("DSC+", "&dsc;"), /not well-formed/],
  ["no text", () => Buffer.from([0xff, 0xfe, 0x3c, 0x00]), /not text in UTF-8/],
] as const) {
  test(`a file with ${what} is refused in one line`, () => {
    const text = write();
    const changed = change(text);
    assert.not.equal(changed, text);
    assert.match(
      refusal(() => readText(changed)),
      message,
    );
  });
}

function changedValue(text: string): string {
  return changedAfter(text, "<xenc:CipherValue>", text.indexOf("<pskc:Secret>"));
}

/** Changes the character that follows a tag. */
function changedAfter(text: string, tag: string, from = 0): string {
  const at = text.indexOf(tag, from) + tag.length;
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

for (const [what, declaration] of [
  ["an XML bomb", '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'],
  ["an external entity", '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'],
  ["an external DTD", '<!doctype a SYSTEM "http://example.com/a.dtd">'],
] as const) {
  test(`${what} is refused before anything is parsed`, () => {
    const text = write().replace("?>\n", `?>\n${declaration}`);
    assert.match(
      refusal(() => readText(text)),
      /^has a DOCTYPE or entities; such files are not read$/,
    );
  });
}

test("an invalid or too large number of iterations is refused at once", () => {
  const text = write(PASSPHRASE);
  for (const count of ["0", "-1", "99999999", "1e9", ""]) {
    const changed = text.replace(/(<IterationCount>)\d+/, `$1${count}`);
    assert.match(
      refusal(() => readText(changed, PASSPHRASE)),
      /has IterationCount/,
    );
  }
});

test("a file that is too large is not read", () => {
  writeFileSync(PATH, Buffer.alloc(16 * 1024 * 1024 + 1, " "));
  assert.throws(
    () => importPskc(PATH, KEY),
    (error: unknown) => error instanceof FileError && /are not read/.test(error.message),
  );
});

/** The most CPU time (ms) for a file that is refused at once. Reading it would take many times that. */
const MOST_TIME = 2000;

for (const [what, elements] of [
  ["one in another", "<a>".repeat(20_000) + "</a>".repeat(20_000)],
  ["one in another, each with a namespace", '<a xmlns:b="c">'.repeat(20_000) + "</a>".repeat(20_000)],
  ["one in another, with a > in an attribute", '<a b=">" c=\'"/>\'>'.repeat(20_000) + "</a>".repeat(20_000)],
  ["side by side", "<a/>".repeat(500_001)],
] as const) {
  test(`too many elements, ${what}, are refused at once`, () => {
    const text = write().replace("<dsc:Personalization", `${elements}<dsc:Personalization`);
    const before = process.cpuUsage();
    assert.match(
      refusal(() => readText(text)),
      /^has more than \d+ (?:nested )?elements/,
    );
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < MOST_TIME, `${(user + system) / 1000} ms`);
  });
}

test("a record with transport keys but without their version is refused", () => {
  const written = write();
  for (const rotation of ['KeysBefore="own" PutKey="done"', 'KeysBefore="public" PutKey="sent"']) {
    const text = written.replace(/<dsc:Personalization [^>]*>/, `<dsc:Personalization State="pending" ${rotation}/>`);
    assert.match(
      refusal(() => readText(text)),
      /transport keys without a version/,
    );
  }
});

test("the progress of a card is read beside another tool's extensions", () => {
  const text = write().replace("<pskc:Extensions>", '<pskc:Extensions><a xmlns="urn:a"/></pskc:Extensions>$&');
  assert.equal(readText(text).records, [CARD, SERVER]);
  const foreign = text.replace(/<dsc:Personalization State="pending"[^>]*>/, '<a xmlns="urn:a"/>');
  assert.equal(readText(foreign).records, [{ ...CARD, state: "done", keyset: undefined }, SERVER]);
});

test("comments, instructions and CDATA do not count as elements", () => {
  const many = "<a>".repeat(1000);
  const text = write().replace("<dsc:Personalization", `<!--${many}--><?a ${many}?><a><![CDATA[${many}]]></a>$&`);
  assert.equal(readText(text).records, [CARD, SERVER]);
});

test("a file cut short anywhere is refused", () => {
  const text = write();
  const root = text.indexOf("</pskc:KeyContainer>");
  assert.ok(root > 0);
  for (let at = 0; at < root; at += 31) refusal(() => readText(text.slice(0, at)));
});

/** A text with a part removed, or replaced by a piece of markup or by another part. */
function mutation(text: string): fc.Arbitrary<string> {
  const at = fc.nat(text.length);
  const length = fc.nat(40);
  const pieces = [
    "<",
    ">",
    "&",
    "]]>",
    "<!--",
    '"',
    "/",
    "&#0;",
    "\0",
    "\ud800",
    "xmlns=''",
    "<pskc:Key/>",
    "é",
    "=",
    "A",
  ];
  return fc.tuple(at, length, fc.constantFrom("", ...pieces), at).map(([from, size, piece, other]) => {
    const filling = piece || text.slice(other, other + size);
    return text.slice(0, from) + filling + text.slice(from + size);
  });
}

test("a mutated file is read or gives a SeedFileError, and no other error", () => {
  const text = write();
  const check = (changed: string) => {
    try {
      readText(changed);
    } catch (error) {
      assert.instance(error, SeedFileError);
      assert.not.match((error as Error).message, "\n");
    }
  };
  const twice = mutation(text).chain((changed) => fc.oneof(fc.constant(changed), mutation(changed)));
  // biome-ignore lint/nursery/noFloatingPromises: the property is synchronous, so there is nothing to await
  fc.assert(fc.property(twice, check), { numRuns: 700 });
});

test.run();
