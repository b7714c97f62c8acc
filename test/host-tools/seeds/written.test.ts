// What the tools write: draws that never repeat, parameters that are strong enough, and files that are their owner's alone
// from the first moment on, whatever the umask.

import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { createTransportKeyFile, readTransportKey } from "../../../host-tools/files/secretfile.js";
import { createSeedFile, readSeedFile, type SeedRecord } from "../../../host-tools/seeds/pskc.js";
import { ChallengeStore } from "../../../host-tools/site/challenges.js";
import { preload } from "../../support/preload.js";
import { scratchFolder } from "../../support/scratch.js";
import { dsc, SimProcess } from "../../support/simprocess.js";
import { testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("what the tools write");

const ON_WINDOWS = process.platform === "win32" ? "Windows keeps no such modes" : undefined;
const FOLDER = scratchFolder();
const SEED_KEY = Buffer.alloc(16, 9);
const PASSPHRASE = { passphrase: Buffer.from("the canary sings at dawn") };
const CARD: SeedRecord = {
  serial: "IB3000100",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: Buffer.alloc(32, 7),
  unlockKey: Buffer.alloc(32, 8),
  state: "done",
  keyset: undefined,
};

/** OWASP's figure for PBKDF2 with HMAC-SHA-256. */
const LEAST_ROUNDS = 600_000;
const BLOCK = 16;

let files = 0;
const newPath = () => join(FOLDER, String(++files));

test.after(() => SimProcess.killAll());

// ---- draws ----

/**
 * All differ, and each bit is now 0 and now 1: of `draws` that are random, a bit is the same in all with a probability of
 * 2^(1-draws).
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

/** Every encrypted value of a seed file: MAC key first, then each token key and its unlock key. */
function encrypted(path: string): Buffer[] {
  const xml = readFileSync(path, "utf8");
  return [...xml.matchAll(/<xenc:CipherValue>([^<]+)</g)].map(([, text]) => Buffer.from(text as string, "base64"));
}

function decrypt(value: Buffer, key: Buffer): Buffer {
  const cipher = createDecipheriv("aes-128-cbc", key, value.subarray(0, BLOCK));
  return Buffer.concat([cipher.update(value.subarray(BLOCK)), cipher.final()]);
}

test("initialization vectors of seed files are random, in one file and in many; and so are their MAC keys", () => {
  const vectors: Buffer[] = [];
  const macKeys: Buffer[] = [];
  for (let made = 0; made < 64; made++) {
    const path = newPath();
    createSeedFile(path, SEED_KEY, CARD);
    const values = encrypted(path);
    assert.is(values.length, 3);
    vectors.push(...values.map((value) => value.subarray(0, BLOCK)));
    macKeys.push(decrypt(values[0] as Buffer, SEED_KEY));
  }
  const path = newPath();
  const seeds = createSeedFile(path, SEED_KEY, CARD);
  for (let card = 101; card < 132; card++) seeds.addRecord({ ...CARD, serial: `IB3000${card}` });
  const values = encrypted(path);
  assert.is(values.length, 65);
  assertRandom([...vectors, ...values.map((value) => value.subarray(0, BLOCK))], "vectors");
  assertRandom(macKeys, "MAC keys");
  assert.ok(macKeys.every((key) => key.length >= 20));
});

test("a passphrase is hardened by enough rounds over a salt of its own", () => {
  const salts: Buffer[] = [];
  for (let made = 0; made < 8; made++) {
    const path = newPath();
    createSeedFile(path, PASSPHRASE, CARD);
    const xml = readFileSync(path, "utf8");
    const read = (pattern: RegExp) => pattern.exec(xml)?.[1] as string;
    const salt = Buffer.from(read(/<Specified>([^<]+)</), "base64");
    const rounds = Number(read(/<IterationCount>(\d+)</));
    assert.ok(rounds >= LEAST_ROUNDS, `${rounds} rounds`);
    assert.ok(salt.length >= 16, `a salt of ${salt.length} bytes`);
    assert.match(read(/PRF Algorithm="([^"]+)"/), /hmac-sha256$/);
    salts.push(salt);
    // What is written there is what was done.
    if (made > 0) continue;
    const key = pbkdf2Sync(PASSPHRASE.passphrase, salt, rounds, BLOCK, "sha256");
    assert.equal(decrypt(encrypted(path)[1] as Buffer, key), CARD.key);
  }
  // A salt costs a second or so: eight are few for bits, and enough for bytes (1 in 2^52 for a random salt).
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

test("challenges are random in each digit", () => {
  const store = new ChallengeStore(newPath());
  const challenges = Array.from({ length: 200 }, () => store.issue(CARD.serial));
  assert.is(new Set(challenges).size, 200);
  for (let at = 0; at < 6; at++) {
    // Of 200 random digits one of the ten is missing with a probability of 7e-9.
    const seen = new Set(challenges.map((challenge) => challenge[at]));
    assert.is(seen.size, 10, `digit ${at}: ${[...seen]}`);
  }
});

// ---- modes ----

/** Writes the mode of each file and folder that is made, as it is made, into the file named by DSC_MODES. */
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
  "every file that a command makes is its owner's alone from the first moment on",
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
    const open = ["--pskc", at("seeds.xml"), "--pskc-key", put("seeds.key", SEED_KEY.toString("hex"))];
    const serial = ["--serial", CARD.serial];
    createSeedFile(at("seeds.xml"), SEED_KEY, { ...CARD, serial: "IB3000999" });
    await run("keys", "new", at("transport.key"));
    await run(
      "personalize",
      ...card,
      ...serial,
      ...open,
      "--append",
      "--trace",
      at("trace"),
      "--transport",
      at("transport.key"),
    );
    await run("info", "--port", sim.port, "--trace", at("trace.of.info"));
    await run("challenge", ...serial, "--store", at("store"));
    const { challenge } = JSON.parse(readFileSync(at("store"), "utf8")).challenges[0];
    const refused = ["--challenge", challenge, "--response", "00000000", "--store", at("store")];
    await dsc(["verify", ...serial, ...refused, ...open], { env });
    await run("pskc", "csv", at("seeds.xml"), at("import.csv"), "--pskc-key", at("seeds.key"));
    await sim.stop();

    assert.is(readSeedFile(at("seeds.xml"), SEED_KEY).find(CARD.serial)?.state, "done");
    const made = readFileSync(log, "utf8").trim().split("\n");
    for (const line of made) assert.match(line, /^600 /, line);
    // Each file by its temporary one; a trace is written as it comes, and a lock stays empty.
    for (const name of ["transport.key", "seeds.xml", "store", "import.csv"])
      assert.ok(
        made.some((line) => new RegExp(`/${name}\\.[0-9a-f]{8}\\.new$`).test(line)),
        `${name}: ${made.join("\n")}`,
      );
    for (const name of ["trace", "trace.of.info", "seeds.xml.lock", "store.lock"])
      assert.ok(made.includes(`600 ${at(name)}`), name);
    for (const name of readdirSync(folder)) assert.is(statSync(at(name)).mode & 0o777, 0o600, name);
  },
);

test.run();
