// The site's challenges: fresh, used once, expiring, and safe among processes.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { FileError } from "../../../host-tools/files/files.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { ChallengeStore, LIFETIME, MAX_BYTES, REMEMBERED } from "../../../host-tools/site/challenges.js";
import { suite } from "../../support/suite.js";

const test = suite("challenges");

const FOLDER = mkdtempSync(join(tmpdir(), "dsc-challenges-"));
const MODULE = new URL("../../../host-tools/site/challenges.js", import.meta.url).href;
const SERIAL = "IB3000123";
let files = 0;

test.after(() => rmSync(FOLDER, { recursive: true }));

/** A store with a clock of its own, whose challenges are those given, then random. */
function newStore(drawn: number[] = []) {
  const path = join(FOLDER, `${++files}.json`);
  const clock = { now: 1_000_000 };
  const given = drawn.length > 0 ? { draw: () => drawn.shift() ?? Number.NaN } : {};
  const store = new ChallengeStore(path, { now: () => clock.now, ...given });
  return { path, clock, store };
}

test("a challenge is six digits, leading zeros kept", () => {
  assert.is(newStore([42]).store.issue(SERIAL), "000042");
  assert.match(newStore().store.issue(SERIAL), /^\d{6}$/);
});

test("a challenge is spent once, and another process sees that", () => {
  const { path, store, clock } = newStore();
  const challenge = store.issue(SERIAL);
  const other = new ChallengeStore(path, { now: () => clock.now });
  assert.ok(other.spend(SERIAL, challenge));
  assert.not(store.spend(SERIAL, challenge));
  assert.not(other.spend(SERIAL, challenge));
});

test("a challenge is good for its card only, and as it was given out", () => {
  const { store } = newStore([16]);
  store.issue(SERIAL);
  assert.not(store.spend("IB3000124", "000016"));
  for (const other of ["16", "000001", "0000016", ""]) assert.not(store.spend(SERIAL, other));
  assert.ok(store.spend(SERIAL, "000016"));
});

test("a challenge is good until it expires, five minutes unless told", () => {
  for (const [lifetime, given] of [
    [LIFETIME, undefined],
    [1000, 1000],
  ] as const) {
    const { store, clock } = newStore();
    const [first, second] = [store.issue(SERIAL, given), store.issue(SERIAL, given)];
    clock.now += lifetime - 1;
    assert.ok(store.spend(SERIAL, first));
    clock.now += 1;
    assert.not(store.spend(SERIAL, second));
  }
  assert.is(LIFETIME, 300_000);
});

test("challenges with the same OCRA field are not given out side by side", () => {
  const { store } = newStore([1, 1, 16, 256, 65536, 2, 0, 0, 32, 3]);
  const suiteName = "OCRA-1:HOTP-SHA256-8:QN06";
  const given = [1, 2, 3, 4].map(() => store.issue(SERIAL));
  assert.equal(given, ["000001", "000002", "000000", "000003"]);
  const responses = given.map((challenge) => ocra(suiteName, Buffer.alloc(32, 7), { challenge }));
  assert.is(new Set(responses).size, given.length);
});

test("nor one of a challenge that was used or has expired lately; another card may get it", () => {
  const { store, clock } = newStore([1, 5, 16, 80, 16, 7, 1]);
  assert.ok(store.spend(SERIAL, store.issue(SERIAL)));
  store.issue(SERIAL);
  clock.now += REMEMBERED;
  assert.is(store.issue("IB3000124"), "000016");
  assert.is(store.issue(SERIAL), "000007");
  clock.now += LIFETIME;
  assert.is(store.issue(SERIAL), "000001");
});

test("what is forgotten leaves the file", () => {
  const { path, store, clock } = newStore();
  for (let count = 0; count < 5; count++) store.issue(SERIAL);
  clock.now += LIFETIME + REMEMBERED;
  store.issue(SERIAL);
  assert.is(JSON.parse(readFileSync(path, "utf8")).challenges.length, 1);
});

test("where nothing is free it says so instead of drawing for ever", () => {
  const path = join(FOLDER, `${++files}.json`);
  const store = new ChallengeStore(path, { draw: () => 1 });
  store.issue(SERIAL);
  assert.throws(
    () => store.issue(SERIAL),
    (error: unknown) => error instanceof FileError && /too many/.test(error.message),
  );
});

test("a file that is no store is left as it is", () => {
  const { path, store } = newStore();
  const entry = { serial: SERIAL, challenge: "000001", expires: 1, used: false };
  const broken = [{ ...entry, challenge: "1" }, { ...entry, used: 0 }, { ...entry, expires: "1" }, null];
  const stores = broken.map((any) => JSON.stringify({ challenges: [any] }));
  const endless = JSON.stringify({ challenges: [entry] }).replace(":1,", ":1e999,");
  const noText = Buffer.from(JSON.stringify({ challenges: [{ ...entry, serial: "\xff" }] }), "latin1");
  for (const contents of ["", "{", "[]", "null", "{}", ...stores, endless, noText]) {
    writeFileSync(path, contents);
    assert.throws(
      () => store.issue(SERIAL),
      (error: unknown) => error instanceof FileError && /left as it is/.test(error.message),
    );
    assert.throws(
      () => store.spend(SERIAL, "000001"),
      (error: unknown) => error instanceof FileError,
    );
    assert.equal(readFileSync(path), Buffer.from(contents));
  }
});

test("what another program added to a challenge, however deep, is not kept", () => {
  const { path, store } = newStore();
  const challenge = store.issue(SERIAL);
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  writeFileSync(path, readFileSync(path, "utf8").replace('"used"', `"more": ${deep}, "used"`));
  assert.ok(store.spend(SERIAL, challenge));
  assert.not(store.spend(SERIAL, challenge));
  assert.not.match(readFileSync(path, "utf8"), "more");
});

test("to spend from a store that is not there is refused and makes no file", () => {
  const { path, store } = newStore();
  assert.not(store.spend(SERIAL, "000001"));
  assert.not(existsSync(path));
});

test("processes side by side lose no challenge and spend each once", async () => {
  const { path } = newStore();
  const issued = await inProcesses(`(store) => Array.from({ length: 10 }, () => store.issue("${SERIAL}"))`, path);
  const challenges = issued.flat() as string[];
  assert.is(new Set(challenges).size, 40);
  const spent = await inProcesses(
    `(store) => ${JSON.stringify(challenges)}.filter((c) => store.spend("${SERIAL}", c))`,
    path,
  );
  assert.equal((spent.flat() as string[]).sort(), challenges.sort());
});

test("a store that is full takes no challenge more, and those in it can be spent", () => {
  const { path, store, clock } = newStore();
  const challenge = store.issue(SERIAL);
  const text = readFileSync(path, "utf8");
  const filler = { serial: "x".repeat(MAX_BYTES - 500), challenge: "000000", expires: clock.now, used: true };
  writeFileSync(path, JSON.stringify({ challenges: [...JSON.parse(text).challenges, filler] }));
  assert.throws(
    () => store.issue(SERIAL),
    (error: unknown) => error instanceof FileError && error.reason === "full" && /is full; /.test(error.message),
  );
  assert.ok(store.spend(SERIAL, challenge));
  assert.not(store.spend(SERIAL, challenge));
});

/** Runs a function of a store in four processes at once. */
function inProcesses(job: string, path: string): Promise<unknown[]> {
  const script = `
    import { ChallengeStore } from ${JSON.stringify(MODULE)};
    console.log(JSON.stringify((${job})(new ChallengeStore(${JSON.stringify(path)}))));`;
  const run = () =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (chunk) => {
        output += chunk;
      });
      child.on("close", (code) => (code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`exit ${code}`))));
    });
  return Promise.all([run(), run(), run(), run()]);
}

test.run();
