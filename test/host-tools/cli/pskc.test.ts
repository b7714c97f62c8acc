// `dsc pskc export` and `import` as people and scripts call them: keys go from a register to a site, and into its own
// register. No key is printed on the way.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readSiteCertificate } from "../../../host-tools/seeds/cms.js";
import { importPskc } from "../../../host-tools/seeds/pskcimport.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { checkSignature, readReceipt } from "../../../host-tools/seeds/receipt.js";
import { newCertificate } from "../../support/certificates.js";
import { dscFirstAlone } from "../../support/dschere.js";
import { derivedFile, FOREIGN_KEY } from "../../support/foreignseedfile.js";
import { KEYS } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { registerFiles } from "../../support/registerfiles.js";
import { scratchFolder } from "../../support/scratch.js";
import { putSeedFile } from "../../support/seedfile.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { NO_OPENSSL, output } from "../../support/tools.js";

const test = suite("dsc pskc");

const FOLDER = scratchFolder();
const at = (name: string) => join(FOLDER, name);
const put = (name: string, contents: string | Buffer) => {
  writeFileSync(at(name), contents, { mode: 0o600 });
  return at(name);
};

/** Canaries: nothing that is printed, and no file, may hold one of these in the clear. */
const PSK = Buffer.from("cafe0123babe4567dead89abbeefcdef", "hex");
const CARDS = [1, 2].map(
  (number): SeedRecord => ({
    serial: `IB300000${number}`,
    suite: "OCRA-1:HOTP-SHA256-8:QN06",
    pinCheck: "card",
    tries: 5,
    key: pattern(32, number),
    unlockKey: pattern(32, 10 + number),
    state: "done",
    keyset: undefined,
  }),
);
const [FIRST, SECOND] = CARDS as [SeedRecord, SeedRecord];
const PENDING: SeedRecord = { ...FIRST, serial: "IB3000003", key: pattern(32, 3), state: "pending" };

/** OWASP's figure for PBKDF2 with HMAC-SHA-256, and NIST's for its salt (SP 800-132: 128 bits). */
const [LEAST_ROUNDS, LEAST_SALT] = [600_000, 16];

const REGISTER = await registerFiles(FOLDER);
const SITE = await registerFiles(FOLDER, "site");
const PSKC_KEY = ["--pskc-key", put("seeds.key", PSK.toString("hex"))];
const SEEDS = putSeedFile(at("seeds.xml"), PSK, FIRST, SECOND, PENDING);

const printed: string[] = [];
const runDsc = dscFirstAlone();

async function dsc(...args: string[]) {
  const ended = await runDsc(["pskc", ...args], process.env);
  printed.push(ended.stdout, ended.stderr);
  return ended;
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await dsc(...args, "--json");
  assert.is(code, 0, `${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** Asserts that a command fails with this code and one line, and leaves the folder unchanged. */
async function refused(code: number, why: RegExp, ...args: string[]): Promise<void> {
  const names = () => readdirSync(FOLDER).filter((name) => !/\.(lock|db-wal|db-shm)$/.test(name));
  const before = names();
  const ended = await dsc(...args);
  assert.is(ended.code, code, `${ended.stdout}${ended.stderr}`);
  assert.match(ended.stderr, /^dsc: [^\n]+\n$/);
  assert.match(ended.stderr, why);
  assert.equal(names(), before);
}

const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test("an old seed file is imported once, however often it is read, and its receipt names the file and each key", async () => {
  const first = await json("import", SEEDS, ...PSKC_KEY, ...REGISTER);
  assert.equal([first.cards, first.known, first.refused], [3, 0, []]);
  const receipt = readReceipt(`${SEEDS}.receipt.json`);
  assert.is(receipt.export, sha256(SEEDS));
  assert.equal(
    receipt.keys.map(({ serial, field }) => `${serial} ${field}`),
    ["IB3000001", "IB3000002", "IB3000003"].flatMap((serial) => [`${serial} token`, `${serial} unlock`]),
  );
  await refused(6, /receipt.json: exists already/, "import", SEEDS, ...PSKC_KEY, ...REGISTER);
  const again = await dsc("import", SEEDS, ...PSKC_KEY, ...REGISTER, "--receipt", at("again.json"));
  assert.match(again.stdout, /: 3 cards taken in, 3 of them known before\nreceipt {2}/);
  assert.equal({ ...readReceipt(at("again.json")), at: "" }, { ...receipt, at: "" });
});

test("an export has the token keys of cards in use, and unlock keys only with an option", async () => {
  const plain = await json("export", at("plain.xml"), ...PSKC_KEY, ...REGISTER);
  assert.equal([plain.cards, plain.leftOut, plain.unlockKeys], [2, 1, false]);
  assert.equal(plain.warnings, ["1 left out: their state allows no export"]);
  assert.is(plain.sha256, sha256(at("plain.xml")));
  if (process.platform !== "win32") assert.is(statSync(at("plain.xml")).mode & 0o777, 0o600);
  const read = importPskc(at("plain.xml"), PSK).records.map(({ serial, key, unlockKey }) => [serial, key, unlockKey]);
  assert.equal(
    read,
    CARDS.map(({ serial, key }) => [serial, key, undefined]),
  );
  assert.not.match(readFileSync(at("plain.xml"), "utf8"), /Unlock|-U</);

  const unlock = ["--with-unlock-keys", "--serial", "IB3000002"];
  const { stdout } = await dsc("export", at("unlock.xml"), ...PSKC_KEY, ...REGISTER, ...unlock);
  assert.match(stdout, /unlock.xml: token keys and unlock keys of 1 card\nSHA-256 {2}[0-9a-f]{64}\n/);
  assert.match(readFileSync(at("unlock.xml"), "utf8"), /<pskc:SerialNo>IB3000002-U</);
  assert.equal(
    importPskc(at("unlock.xml"), PSK).records.map(({ serial, unlockKey }) => [serial, unlockKey]),
    [["IB3000002", SECOND.unlockKey]],
  );
});

test("an export under a passphrase opens with either form of it", async () => {
  const [composed, decomposed] = ["NFC", "NFD"].map((form) => put(`pass.${form}`, "naïve passphräse".normalize(form)));
  assert.ok(composed && decomposed);
  const made = await json("export", at("pass.xml"), "--pskc-key", decomposed, ...REGISTER);
  assert.is(made.pskcKey, "passphrase");
  const { code, stdout } = await dsc("show", at("pass.xml"), "--pskc-key", composed);
  assert.is(code, 0);
  assert.match(stdout, /^MACs +right; they cover the keys, and no serial number$/m);
});

test("an import with weak protection is exported with enough rounds, its own salt and a key for MACs", async () => {
  const passphrase = "naïve passphräse";
  const weak = { salt: 8, rounds: 1, prf: "sha1" } as const;
  const text = derivedFile(Buffer.from(passphrase), weak).replace('Id="7"', 'Id="IB3000009"');
  const house = await registerFiles(FOLDER, "weak");
  const [from, secret] = [put("weak.xml", text), ["--pskc-key", put("weak.pass", passphrase)]];
  assert.equal((await json("import", from, ...secret, ...house)).refused, []);
  const salts = [saltOf(text)];
  for (const name of ["strong1.xml", "strong2.xml"]) {
    assert.is((await json("export", at(name), ...secret, ...house, "--serial", "IB3000009")).cards, 1);
    const written = readFileSync(at(name), "utf8");
    assert.ok(Number(/<IterationCount>(\d+)</.exec(written)?.[1]) >= LEAST_ROUNDS);
    assert.match(written, /<pskc:MACKey>/);
    salts.push(saltOf(written));
    const [record] = importPskc(at(name), { passphrase: Buffer.from(passphrase) }).records;
    assert.equal(record?.key, FOREIGN_KEY);
  }
  assert.ok(salts.slice(1).every(({ length }) => length >= LEAST_SALT));
  assert.is(new Set(salts.map((salt) => salt.toString("hex"))).size, salts.length, "a salt repeats");
});

function saltOf(text: string): Buffer {
  return Buffer.from(/<Specified>([^<]+)</.exec(text)?.[1] ?? "", "base64");
}

for (const kind of ["rsa", "ec"] as const) {
  packageTest(
    test,
    NO_OPENSSL,
    `an export for a site's certificate (${kind}) is imported there, and its signed receipt comes back`,
    async () => {
      const { certificate, key } = newCertificate(kind);
      const [out, opened, receipt] = [at(`${kind}.p7m`), at(`${kind}.xml`), at(`${kind}.json`)];
      const made = await json("export", out, ...PSKC_KEY, ...REGISTER, "--site-cert", certificate);
      assert.is(made.certificate, readSiteCertificate(certificate).fingerprint);
      if (process.platform !== "win32") assert.is(statSync(out).mode & 0o777, 0o600);
      // Every command reports that the file must be opened first.
      await refused(6, /is inside CMS; open it first: openssl cms -decrypt/, "show", out);
      await refused(6, /is inside CMS/, "import", out, ...PSKC_KEY, ...SITE);
      writeFileSync(opened, output("openssl", ["cms", "-decrypt", "-inform", "DER", "-in", out, "-inkey", key]), {
        mode: 0o600,
      });
      assert.is(sha256(opened), made.sha256);
      const taken = await json("import", opened, ...PSKC_KEY, ...SITE, "--sign-key", key, "--receipt", receipt);
      assert.is(taken.cards, 2);
      const read = readReceipt(receipt);
      checkSignature(receipt, read, readSiteCertificate(certificate).publicKey);
      assert.is(read.export, made.sha256);
      assert.equal(
        read.keys.map(({ serial, field }) => `${serial} ${field}`),
        ["IB3000001 token", "IB3000002 token"],
      );
    },
  );
}

test("a damaged record is named, and the others are imported", async () => {
  const text = readFileSync(SEEDS, "utf8");
  const mac = text.indexOf("<pskc:ValueMAC>") + "<pskc:ValueMAC>".length;
  const damaged = put("damaged.xml", text.slice(0, mac) + (text[mac] === "A" ? "B" : "A") + text.slice(mac + 1));
  const other = await registerFiles(FOLDER, "other");
  const { code, stdout } = await dsc("import", damaged, ...PSKC_KEY, ...other, "--json");
  const { error, cards, refused: named } = JSON.parse(stdout);
  assert.equal([code, error.kind, cards], [6, "seed-file", 2]);
  assert.match(error.message, /"IB3000001": the MAC is wrong/);
  assert.equal([...new Set(named.map(({ serial }: { serial: string }) => serial))], ["IB3000001"]);
  assert.not(readReceipt(`${damaged}.receipt.json`).keys.some(({ serial }) => serial === "IB3000001"));
});

test("invalid input gives one line and the right exit code, and makes nothing", async () => {
  const out = at("no.xml");
  const key = [...PSKC_KEY, ...REGISTER];
  await refused(2, /--pskc-key/, "export", out, ...REGISTER);
  await refused(2, /no register is named/, "export", out, ...PSKC_KEY);
  // Reported before the file is read.
  await refused(2, /no register is named/, "import", at("nothing"), ...PSKC_KEY);
  await refused(2, /-: keys are not written/, "export", "-", ...key);
  await refused(2, /is no serial number/, "export", out, ...key, "--serial", "IB3");
  await refused(2, /cannot be used with/, "export", out, ...key, "--serial", "IB3000001", "--batch", "1");
  await refused(2, /only one secret/, "export", out, ...REGISTER, "--pskc-key", "-", "--site-key", "-");
  await refused(6, /exists already/, "export", SEEDS, ...key);
  await refused(6, /no such file/, "export", join(FOLDER, "no", "folder"), ...key);
  await refused(6, /IB3000009: the register has no such card/, "export", out, ...key, "--serial", "IB3000009");
  await refused(6, /IB3000003 is pending/, "export", out, ...key, "--serial", "IB3000003");
  await refused(6, /no card to export/, "export", out, ...key, "--batch", "7");
  await refused(6, /is not a certificate/, "export", out, ...key, "--site-cert", at("seeds.key"));
  await refused(6, /no such file/, "export", out, ...key, "--site-cert", at("nothing"));
  await refused(6, /site key is needed/, "export", out, ...PSKC_KEY, ...REGISTER.slice(0, 2), ...REGISTER.slice(-2));
  await refused(
    6,
    /belongs to another register|wrong/,
    "export",
    out,
    ...PSKC_KEY,
    ...REGISTER,
    "--site-key",
    at("register.desk.key"),
  );
  await refused(
    6,
    /not a private key/,
    "import",
    SEEDS,
    ...key,
    "--receipt",
    at("r.json"),
    "--sign-key",
    at("seeds.key"),
  );
  await refused(
    6,
    /the MAC is wrong|does not open/,
    "import",
    SEEDS,
    "--pskc-key",
    put("bad.key", "00".repeat(16)),
    ...REGISTER,
    "--receipt",
    at("r.json"),
  );
  assert.not(existsSync(out));
});

packageTest(test, NO_OPENSSL, "without openssl an export for a certificate is refused with the reason", async () => {
  const { certificate } = newCertificate("ec");
  const args = ["pskc", "export", at("none.p7m"), ...PSKC_KEY, ...REGISTER, "--site-cert", certificate];
  const { code, stderr } = await runDsc(args, { PATH: FOLDER });
  assert.is(code, 6, stderr);
  assert.is(stderr, "dsc: openssl is not installed (Debian: apt-get install openssl)\n");
  assert.not(existsSync(at("none.p7m")));
});

test("no key is in the output, and none in the clear in any file", () => {
  const keys = [...CARDS, PENDING].flatMap(({ key, unlockKey }) => [key, unlockKey as Buffer]);
  const forms = (key: Buffer) => [key.toString("hex"), key.toString("base64").slice(0, 40), key.toString("latin1")];
  assert.ok(printed.length > 40, `${printed.length} outputs`);
  const said = printed.join("\n");
  for (const key of [...keys, PSK, ...Object.values(KEYS)])
    for (const form of forms(key)) assert.not(said.includes(form.slice(0, 16)), form);
  const files = readdirSync(FOLDER).filter((name) => statSync(at(name)).isFile());
  assert.ok(files.length > 15, files.join());
  for (const name of files) {
    const contents = readFileSync(at(name)).toString("latin1");
    for (const key of keys) for (const form of forms(key)) assert.not(contents.includes(form.slice(0, 16)), name);
  }
});

test.run();
