// What the tools write: random values that never repeat, strong enough parameters, and files that only their owner can
// read, from the moment they exist and with any umask.

import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { issueChallenge } from "../../../host-tools/desk/register/challenges.js";
import { change } from "../../../host-tools/desk/register/change.js";
import { createTransportKeyFile, readTransportKey } from "../../../host-tools/files/secretfile.js";
import { type ExportedCard, exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { newRegister, putCard } from "../../support/openregister.js";
import { preload } from "../../support/preload.js";
import { recordIn, registerFiles } from "../../support/registerfiles.js";
import { scratchFolder } from "../../support/scratch.js";
import { dsc, SimProcess } from "../../support/simprocess.js";
import { testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("what the tools write");

const ON_WINDOWS = process.platform === "win32" ? "Windows keeps no such modes" : undefined;
const FOLDER = scratchFolder();
const SEED_KEY = Buffer.alloc(16, 9);
const PASSPHRASE = { passphrase: Buffer.from("the canary sings at dawn") };
const CARD: ExportedCard = {
  serial: "IB3000100",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: Buffer.alloc(32, 7),
  unlockKey: Buffer.alloc(32, 8),
};
const UNLOCK_TOO = { unlockKeys: true };

/** OWASP's figure for PBKDF2 with HMAC-SHA-256. */
const LEAST_ROUNDS = 600_000;
const BLOCK = 16;

let files = 0;
const newPath = () => join(FOLDER, String(++files));

test.after(() => SimProcess.killAll());

// ---- draws ----

/**
 * Asserts that all draws differ and that each bit is 0 in some and 1 in others. A bit of n random draws is the same in all
 * of them with a probability of 2^(1-n).
 */
function assertRandom(draws: readonly Buffer[], what: string): void {
  assert.ok(draws.length >= 64, `${what}: ${draws.length} draws`);
  assert.is(new Set(draws.map((draw) => draw.toString("hex"))).size, draws.length, `${what}: a draw repeats`);
  const size = draws[0]?.length ?? 0;
  const ones = Buffer.alloc(size);
  const zeros = Buffer.alloc(size);
  for (const draw of draws) {
    assert.is(draw.length, size, what);
    for (const [at, byte] of draw.entries()) {
      ones[at] = (ones[at] as number) | byte;
      zeros[at] = (zeros[at] as number) | (~byte & 0xff);
    }
  }
  assert.equal([ones, zeros], [Buffer.alloc(size, 0xff), Buffer.alloc(size, 0xff)], `${what}: a bit never changes`);
}

/** Every encrypted value of an export: the MAC key, then each token key and its unlock key. */
function encrypted(exported: Buffer): Buffer[] {
  const xml = exported.toString();
  return [...xml.matchAll(/<xenc:CipherValue>([^<]+)</g)].map(([, text]) => Buffer.from(text as string, "base64"));
}

function decrypt(value: Buffer, key: Buffer): Buffer {
  const cipher = createDecipheriv("aes-128-cbc", key, value.subarray(0, BLOCK));
  return Buffer.concat([cipher.update(value.subarray(BLOCK)), cipher.final()]);
}

test("initialization vectors and MAC keys of exports are random, in one file and across files", () => {
  const vectors: Buffer[] = [];
  const macKeys: Buffer[] = [];
  for (let made = 0; made < 64; made++) {
    const values = encrypted(exportPskc([CARD], SEED_KEY, UNLOCK_TOO));
    assert.is(values.length, 3);
    vectors.push(...values.map((value) => value.subarray(0, BLOCK)));
    macKeys.push(decrypt(values[0] as Buffer, SEED_KEY));
  }
  const many = Array.from({ length: 32 }, (_, card) => ({ ...CARD, serial: `IB3000${100 + card}` }));
  const values = encrypted(exportPskc(many, SEED_KEY, UNLOCK_TOO));
  assert.is(values.length, 65);
  assertRandom([...vectors, ...values.map((value) => value.subarray(0, BLOCK))], "vectors");
  assertRandom(macKeys, "MAC keys");
  assert.ok(macKeys.every((key) => key.length >= 20));
});

test("each export under a passphrase uses enough rounds and its own salt", () => {
  const salts: Buffer[] = [];
  for (let made = 0; made < 8; made++) {
    const exported = exportPskc([CARD], PASSPHRASE, UNLOCK_TOO);
    const xml = exported.toString();
    const read = (pattern: RegExp) => pattern.exec(xml)?.[1] as string;
    const salt = Buffer.from(read(/<Specified>([^<]+)</), "base64");
    const rounds = Number(read(/<IterationCount>(\d+)</));
    assert.ok(rounds >= LEAST_ROUNDS, `${rounds} rounds`);
    assert.ok(salt.length >= 16, `a salt of ${salt.length} bytes`);
    assert.match(read(/PRF Algorithm="([^"]+)"/), /hmac-sha256$/);
    salts.push(salt);
    // The stated salt and rounds are the ones that were used.
    if (made > 0) continue;
    const key = pbkdf2Sync(PASSPHRASE.passphrase, salt, rounds, BLOCK, "sha256");
    assert.equal(decrypt(encrypted(exported)[1] as Buffer, key), CARD.key);
  }
  // A salt takes about a second. Eight are too few to judge bits, and enough for bytes: a random salt fails 1 time in 2^52.
  for (let at = 0; at < 16; at++)
    assert.ok(new Set(salts.map((salt) => salt[at])).size > 1, `byte ${at} of the salt never changes`);
});

test("transport keys are random", () => {
  const keys = Array.from({ length: 64 }, () => {
    const path = newPath();
    createTransportKeyFile(path);
    return readTransportKey(path);
  });
  assertRandom(keys, "transport keys");
});

test("challenges are random in each digit", async () => {
  const register = await newRegister(newPath());
  await putCard(register, CARD.serial, "active");
  const challenges = await change(register, async (each) => {
    const drawn: string[] = [];
    for (let left = 200; left > 0; left--) drawn.push(await issueChallenge(each, CARD.serial));
    return drawn;
  });
  await register.close();
  assert.is(new Set(challenges).size, 200);
  for (let at = 0; at < 6; at++) {
    // Of 200 random digits one of the ten is missing with a probability of 7e-9.
    const seen = new Set(challenges.map((challenge) => challenge[at]));
    assert.is(seen.size, 10, `digit ${at}: ${[...seen]}`);
  }
});

// ---- modes ----

/** Records the mode of each new file and folder, at the moment it is made, in the file named by DSC_MODES. */
const RECORDER = `
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
process.umask(0);
const { openSync, writeSync, fstatSync, mkdtempSync, statSync } = fs;
const log = openSync(process.env.DSC_MODES, "a");
const record = (path, { mode }) => writeSync(log, (mode & 0o777).toString(8) + " " + path + "\\n");
const makes = (flags) => (typeof flags === "string" ? /[wa]/.test(flags) : (flags & fs.constants.O_CREAT) !== 0);
fs.openSync = (path, flags = "r", ...more) => {
  const file = openSync(path, flags, ...more);
  if (makes(flags)) record(path, fstatSync(file));
  return file;
};
for (const [name, flags] of [["writeFileSync", "w"], ["appendFileSync", "a"]]) {
  const original = fs[name];
  fs[name] = (path, ...more) => {
    original(path, ...more);
    if (typeof path === "string") record(path, statSync(path));
  };
}
for (const name of ["copyFileSync", "createWriteStream", "cpSync"]) fs[name] = () => { throw new Error(name); };
fs.mkdtempSync = (...args) => {
  const path = mkdtempSync(...args);
  record(path, statSync(path));
  return path;
};
syncBuiltinESMExports();
`;

testUnless(
  test,
  ON_WINDOWS,
  "every file that a command makes is readable only by its owner from the moment it exists",
  async () => {
    const folder = newPath();
    mkdirSync(folder);
    const at = (name: string) => join(folder, name);
    const put = (name: string, contents: string) => {
      writeFileSync(at(name), contents, { mode: 0o600 });
      return at(name);
    };
    const log = newPath();
    writeFileSync(log, "");
    const env = { ...preload(FOLDER, "recorder", RECORDER), DSC_MODES: log };
    const run = async (...args: string[]) => {
      const { code, stderr } = await dsc(args, { env });
      assert.is(code, 0, stderr);
    };

    const sim = await SimProcess.start(newPath());
    const card = ["--port", sim.port, "--pin-file", put("pin", "8352\n"), "--key-file", put("key", "07".repeat(32))];
    const open = ["--pskc-key", put("pskc.key", SEED_KEY.toString("hex"))];
    const serial = ["--serial", CARD.serial];
    const desk = await registerFiles(folder);
    const journal = [...desk.slice(0, 2), ...desk.slice(-2)];
    await run("keys", "new", at("transport.key"));
    await run(
      ...["personalize", ...card, ...serial, ...desk],
      ...["--trace", at("trace"), "--transport", at("transport.key")],
    );
    await run("info", "--port", sim.port, "--trace", at("trace.of.info"));
    await run("pskc", "export", at("export.xml"), ...open, ...desk);
    await run("pskc", "csv", at("export.xml"), at("import.csv"), ...open);
    await run("register", "backup", at("backup"), ...journal);
    await run("register", "restore", at("backup"), "--register", at("back.db"), ...desk.slice(-2), "--nothing-since");
    await run("journal", "head", at("head.json"), ...journal);
    const keys = ["site", "desk", "journal"].flatMap((kind) => [`--${kind}-key`, at(`new-${kind}.key`)]);
    await run("register", "init", "--register", at("new.db"), ...keys);
    await run("pskc", "import", at("export.xml"), "--register", at("new.db"), ...keys, ...open);
    await sim.stop();

    assert.is((await recordIn(at("register.db"), CARD.serial)).state, "done");
    const made = readFileSync(log, "utf8").trim().split("\n");
    for (const line of made) assert.match(line, /^600 /, line);
    // Each file was made by way of a temporary one, except traces, which are written line by line, and SQLite's files.
    const placed = ["transport.key", "export.xml", "import.csv", "backup", "head.json", "export.xml.receipt.json"];
    for (const name of [...placed, "new-site.key"])
      assert.ok(
        made.some((line) => new RegExp(`/${name}\\.[0-9a-f]{8}\\.new$`).test(line)),
        `${name}: ${made.join("\n")}`,
      );
    for (const name of ["trace", "trace.of.info", "new.db", "back.db"])
      assert.ok(made.includes(`600 ${at(name)}`), name);
    for (const name of readdirSync(folder)) assert.is(statSync(at(name)).mode & 0o777, 0o600, name);
  },
);

test.run();
