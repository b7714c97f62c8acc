// `dsc` as people and scripts call it, for everything that needs no card: results, exit codes and files. No secret is
// ever printed.

import { spawn, spawnSync } from "node:child_process";
import { createCipheriv, createHash, createHmac } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { change } from "../../../host-tools/desk/register/change.js";
import { bindKeys, importKeys } from "../../../host-tools/desk/register/keys.js";
import { ROOT } from "../../../host-tools/files/project.js";
import type { SeedSecret } from "../../../host-tools/seeds/pskckeys.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { DEMO } from "../../../sim/session/demo.js";
import { atLeast } from "../../support/atleast.js";
import { askUnlock, enter, lockedCard } from "../../support/cards.js";
import { DEADLINE } from "../../support/deadline.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, keysFor, putCard } from "../../support/openregister.js";
import { registerFiles } from "../../support/registerfiles.js";
import { scp03Rows } from "../../support/scp03vectors.js";
import { scratchFolder } from "../../support/scratch.js";
import { putSeedFile } from "../../support/seedfile.js";
import { alsoSharedLater } from "../../support/sharedvectors.js";
import type { Ended } from "../../support/simprocess.js";
import { NO_FULL_DISK, ON_WINDOWS, testUnless, UNBOUND } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { TerminalProgram } from "../../support/terminal.js";
import { EXAMPLE_SEED_FILE, OCRA_FILES, ocraVectors } from "../../support/vectors.js";

const test = suite("dsc without a card");

const LAUNCHER = join(ROOT, "host-tools", "dsc.mjs");
const FOLDER = scratchFolder();
const WINDOWS = process.platform === "win32";

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
/** Canaries: nothing that `dsc` prints may hold one of these, in any form. */
const KEY = Buffer.from("c0ffee00facade11decade22fa11ed3305eed0440ddba1155ca1ab1e660ff1ce", "hex");
const UNLOCK_KEY = Buffer.from("5ca1ab1ec0ffee77facade88decade99fa11edaa5eed0bb0ddba11ccb0a710ad", "hex");
const SERVER_KEY = Buffer.from("7e57ab1e5eed5ca1ab1e0ddba11c0ffee0ddf00dca5cade5cab1ed0c5a1ad501", "hex");
const SEED_KEY = Buffer.from("cafe0123babe4567dead89abbeefcdef", "hex");
const PASSPHRASE = "the canary sings at dawn";
const PIN = "8352";
const OTHER_PIN = "8353";

const CARD: SeedRecord = {
  serial: "IB3000123",
  suite: SUITE,
  pinCheck: "card",
  tries: 5,
  key: KEY,
  unlockKey: UNLOCK_KEY,
  state: "done",
  keyset: 2,
};
const SERVER: SeedRecord = {
  ...CARD,
  serial: "IB3000124",
  suite: `${SUITE}-PSHA512`,
  pinCheck: "server",
  tries: undefined,
  unlockKey: undefined,
};
const LOCKED = "IB3000130";
const IMPORTED = "IB3000131";
const PENDING: SeedRecord = { ...CARD, serial: "IB3000125", state: "pending", keyset: undefined };

/** Everything that was ever printed. */
const printed: string[] = [];
let files = 0;

function newPath(name: string): string {
  return join(FOLDER, `${++files}-${name}`);
}

/** A new file; by default only its owner can read it. */
function file(contents: string | Buffer, name = "file", mode = 0o600): string {
  const path = newPath(name);
  writeFileSync(path, contents, { mode });
  return path;
}

function newSeeds(secret: SeedSecret = SEED_KEY): string {
  return putSeedFile(newPath("seeds.xml"), secret, CARD, SERVER, PENDING);
}

const SEEDS = newSeeds();
const PASSPHRASE_SEEDS = newSeeds({ passphrase: Buffer.from(PASSPHRASE) });
const SEED_KEY_FILE = file(`${SEED_KEY.toString("hex")}\n`, "seeds.key");
const PASSPHRASE_FILE = file(`${PASSPHRASE}\n`, "passphrase");
const PIN_FILE = file(`${PIN}\n`, "pin");
/** Cards of the register: one that checks its PIN, one whose PIN the site checks, a locked one, one without unlock key. */
const DESK_CARDS = [
  { serial: CARD.serial, suite: SUITE, pinCheck: "card", key: KEY, unlockKey: UNLOCK_KEY },
  { serial: SERVER.serial, suite: SERVER.suite, pinCheck: "server", key: SERVER_KEY },
  {
    serial: LOCKED,
    suite: SUITE,
    pinCheck: "card",
    key: Buffer.from(DEMO.key),
    unlockKey: Buffer.from(DEMO.unlockKey),
  },
] as const;
const DESK = await registerFiles(FOLDER, "register", async (register) => {
  for (const [at, { serial, suite, pinCheck, key, ...more }] of DESK_CARDS.entries()) {
    await putCard(register, serial, "active", { suite, pin_check: pinCheck });
    const keys = { ...keysFor(key), ...more, serial, cardId: `00112233445566a${at}` };
    await change(register, (each) => bindKeys(each, keys));
  }
  await putCard(register, IMPORTED, "active");
  const token = Buffer.alloc(32, 0x5a);
  await change(register, (each) => importKeys(each, { serial: IMPORTED, token, unlock: undefined }));
});
const REGISTER = DESK.slice(0, 2);
/** Without the key of the journal. */
const SITE = DESK.slice(0, 6);

interface Setting {
  input?: string;
  /** File descriptors instead of pipes. */
  stdout?: number;
  stderr?: number;
}

/** Runs `dsc` to its end, in this process. */
async function dsc(args: readonly string[], { input = "" }: Setting = {}): Promise<Ended> {
  return kept(await dscHere(args, input));
}

/** Runs `dsc` as people do. */
function dscAlone(args: readonly string[], { input = "", stdout, stderr }: Setting = {}): Ended {
  const options = { input, encoding: "utf8", timeout: DEADLINE, cwd: FOLDER } as const;
  const result = spawnSync(process.execPath, [LAUNCHER, ...args], {
    ...options,
    stdio: ["pipe", stdout ?? "pipe", stderr ?? "pipe"],
  });
  return ended(result.status, result.stdout ?? "", result.stderr ?? "");
}

/** Runs `dsc` in parallel with others. */
function dscBeside(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk) => {
      said[name] += chunk;
    });
  }
  return new Promise((resolve) => child.on("close", (code) => resolve(ended(code, said.stdout, said.stderr))));
}

function ended(code: number | null, stdout: string, stderr: string): Ended {
  return kept({ code, stdout, stderr, lines: stdout.split("\n").slice(0, -1) });
}

function kept(result: Ended): Ended {
  printed.push(result.stdout, result.stderr);
  return result;
}

/** The single line that a successful command prints. */
async function answer(args: readonly string[], setting: Setting = {}): Promise<string> {
  const { code, stdout, stderr, lines } = await dsc(args, setting);
  assert.is(code, 0, stderr);
  assert.is(stderr, "");
  assert.is(lines.length, 1, stdout);
  return lines[0] as string;
}

async function answerJson(args: readonly string[], setting: Setting = {}): Promise<Record<string, unknown>> {
  const { warnings, ...result } = JSON.parse(await answer([...args, "--json"], setting)) as Record<string, unknown>;
  assert.equal(warnings, []);
  return result;
}

/**
Asserts that a command fails with this exit code, one line on stderr, nothing on stdout, and every file unchanged.
*/
async function refused(code: number, why: RegExp, args: readonly string[], setting: Setting = {}): Promise<void> {
  const before = snapshot();
  const result = await dsc(args, setting);
  assert.is(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
  assert.is(result.stdout, "");
  assert.match(result.stderr, /^[^\n]+\n$/, result.stderr);
  assert.match(result.stderr, why);
  assert.equal(snapshot(), before, args.join(" "));
}

/** A hash of each file in the folder. A database's index (-shm) is left out, since it changes with each reader. */
function snapshot(): string[] {
  const names = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).sort();
  return names
    .filter((name) => !holdsNothing(name) && !name.endsWith("-shm"))
    .map((name) => `${name} ${digest(join(FOLDER, name))}`);
}

/** A lock may stay beside a file that was read, and a database's log (-wal) after an interrupted read. */
function holdsNothing(name: string): boolean {
  return /(\.lock|-wal)$/.test(name) && statSync(join(FOLDER, name)).size === 0;
}

function digest(path: string): string {
  if (!statSync(path).isFile()) return "";
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** OCRA of RFC 6287, computed independently, for a decimal challenge and HMAC-SHA-256. */
function response(name: string, key: Buffer, challenge: string, pin?: Buffer): string {
  const field = Buffer.from(Number(challenge).toString(16).padEnd(256, "0"), "hex");
  const message = Buffer.concat([Buffer.from(`${name}\0`), field, pin ?? Buffer.alloc(0)]);
  const hmac = createHmac("sha256", key).update(message).digest();
  const number = hmac.readUInt32BE((hmac[31] as number) % 16) % 2 ** 31;
  return String(number % 10 ** 8).padStart(8, "0");
}

function serverResponse(challenge: string, key = KEY): string {
  return response(SERVER.suite, key, challenge, createHash("sha512").update(PIN).digest());
}

function cardResponse(challenge: string): string {
  return response(SUITE, KEY, challenge);
}

/** Another response of the same form. */
function wrong(right: string): string {
  return right.slice(0, 7) + ((Number(right[7]) + 1) % 10);
}

function verifying(serial: string, challenge: string, typed: string, ...more: string[]): string[] {
  return ["verify", "--serial", serial, "--challenge", challenge, "--response", typed, ...SITE, ...more];
}

// ---- dsc ocra ----

test("ocra: it prints the responses of test/vectors, leading zeros included", async () => {
  let count = 0;
  for (const name of OCRA_FILES) {
    const all = ocraVectors(name).filter(({ suite }) => !/:C-|-T\d|-S\d/.test(suite));
    // One of each suite suffices: the library is tested with all of them.
    const bySuite = new Map(all.map((one) => [one.suite, all.filter(({ suite }) => suite === one.suite)]));
    for (const { suite, key, input, response } of [...bySuite.values()].flatMap((some) => some.slice(0, 1))) {
      const args = ["ocra", "--suite", suite, "--challenge", input.challenge];
      if (/-PSHA/.test(suite)) args.push("--pin-file", file(input.pin ?? "", "pin"));
      assert.is(await answer(args, { input: `${key.toString("hex")}\n` }), response, `${suite} ${input.challenge}`);
      count++;
    }
  }
  assert.ok(count >= 6, `${count} responses`);
});

test("ocra: it takes a key on stdin, with comments, without a line end, and prints JSON", async () => {
  const args = ["ocra", "--suite", SUITE, "--challenge", "012345"];
  const right = cardResponse("012345");
  const hex = KEY.toString("hex");
  for (const input of [`${hex}\n`, hex.toUpperCase(), `# a key\r\n${hex}\r\n`])
    assert.is(await answer(args, { input }), right);
  assert.equal(await answerJson(args, { input: hex }), { response: right });
});

test("ocra: a PIN comes from a file, and is needed only if the suite has one", async () => {
  const args = ["ocra", "--suite", SERVER.suite, "--challenge", "000016"];
  const input = KEY.toString("hex");
  assert.is(await answer([...args, "--pin-file", PIN_FILE], { input }), serverResponse("000016"));
  await refused(2, /--pin-file FILE/, args, { input });
  await refused(2, /standard input/, [...args, "--pin-file", "-"], { input });
  await refused(2, /leave it out/, ["ocra", "--suite", SUITE, "--challenge", "000016", "--pin-file", PIN_FILE], {
    input,
  });
  for (const bad of ["", "835", `${PIN}5`, "83 52", `${PIN}\n${PIN}\n`])
    await refused(6, /four digits/, [...args, "--pin-file", file(bad)], { input });
  await refused(6, /no such file/, [...args, "--pin-file", newPath("nothing")], { input });
});

test("ocra: an impossible suite or challenge is a usage error, reported before the key is read", async () => {
  for (const [name, challenge, why] of [
    ["OCRA-2:HOTP-SHA256-8:QN06", "123456", /--suite: .*OCRA-1/],
    ["OCRA-1:HOTP-SHA256-8:QN06-XYZ", "123456", /--suite: .*no input/],
    ["", "123456", /--suite: .*three parts/],
    ["OCRA-1:HOTP-SHA256-8:C-QN06", "123456", /counter/],
    ["OCRA-1:HOTP-SHA256-8:QN06-T1M", "123456", /time/],
    [SUITE, "12345", /6 digits/],
    [SUITE, "1234567", /6 digits/],
    [SUITE, "", /6 digits/],
    [SUITE, "12345a", /does not fit QN: decimal digits/],
    ["OCRA-1:HOTP-SHA256-8:QH06", "12345g", /does not fit QH: hexadecimal digits/],
  ] as const) {
    await refused(2, why, ["ocra", "--suite", name, "--challenge", challenge], { input: KEY.toString("hex") });
  }
  await refused(2, /--challenge/, ["ocra", "--suite", SUITE]);
  await refused(2, /--suite/, ["ocra", "--challenge", "123456"]);
});

test("ocra: stdin without a key is an error", async () => {
  const hex = KEY.toString("hex");
  for (const [input, why] of [
    ["", /empty/],
    [`${hex}g0`, /not hexadecimal/],
    [`${hex}0`, /odd number/],
    ["c0ffee", /3 bytes; 16 to 64/],
    [hex.repeat(3), /96 bytes; 16 to 64/],
    [`${hex}\n${hex}\n`, /more than one line/],
    [hex.repeat(100), /no secret is that long/],
    ["0".repeat(1_000_000), /no secret is that long/],
  ] as const) {
    await refused(6, why, ["ocra", "--suite", SUITE, "--challenge", "123456"], { input });
  }
});

// ---- dsc keys ----

test("keys new: it writes 16 random bytes that only the owner can read, and never over another file", async () => {
  const [first, second] = [newPath("transport.key"), newPath("transport.key")];
  assert.match(await answer(["keys", "new", first]), first);
  assert.equal(await answerJson(["keys", "new", second]), { file: second });
  const [one, two] = [first, second].map((path) => /^([0-9a-f]{32})\n$/m.exec(readFileSync(path, "utf8"))?.[1]);
  assert.ok(one && two && one !== two);
  for (const said of atLeast(2, printed)) assert.not(said.includes(one as string));
  if (!WINDOWS) assert.is(statSync(first).mode & 0o777, 0o600);
  await refused(6, /exists already/, ["keys", "new", first]);
  await refused(6, /no such file or folder/, ["keys", "new", join(FOLDER, "nowhere", "transport.key")]);
  await refused(2, /file/, ["keys", "new"]);
  await refused(2, /too many/, ["keys", "new", first, second]);
});

/** The check value of a transport key, computed without the host tools (GPC_SPE_034 §B.6). */
function checkValueOf(key: string): string {
  const cipher = createCipheriv("aes-128-ecb", Buffer.from(key, "hex"), null);
  return cipher.update(Buffer.alloc(16, 1)).subarray(0, 3).toString("hex");
}

async function assertShown(key: string, kcv: string): Promise<void> {
  const path = file(key);
  assert.is(await answer(["keys", "show", path]), kcv.toUpperCase());
  assert.equal(await answerJson(["keys", "show", path]), { file: path, checkValue: kcv.toUpperCase() });
  assert.is(await answer(["keys", "show", "-"], { input: `# a comment\n${key}\n` }), kcv.toUpperCase());
}

test("keys show: the check value of a key in a file or on stdin is the one that others compute", async () => {
  for (const key of ["00112233445566778899aabbccddeeff", "f".repeat(32)]) await assertShown(key, checkValueOf(key));
  await alsoSharedLater("check values of transport keys", async () => {
    for (const { key, kcv } of atLeast(3, scp03Rows("kcv"))) await assertShown(key, kcv);
  });
});

test("keys show --fingerprint: the HMAC under the whole key, which tells keys with one check value apart", async () => {
  const key = "00112233445566778899aabbccddeeff";
  const path = file(key);
  const fingerprint = createHmac("sha256", Buffer.from(key, "hex")).update("dsc PSKC key").digest("hex");
  const checkValue = checkValueOf(key).toUpperCase();
  const show = ["keys", "show", path, "--fingerprint"];
  assert.is(await answer(show), fingerprint);
  assert.equal(await answerJson(show), { file: path, checkValue, fingerprint });
});

test("keys show: it takes a new key, and refuses a file that is no transport key", async () => {
  const drawn = newPath("transport.key");
  await answer(["keys", "new", drawn]);
  assert.match(await answer(["keys", "show", drawn]), /^[0-9A-F]{6}$/);
  await refused(6, /32 bytes; 16/, ["keys", "show", file("11".repeat(32))]);
  await refused(6, /odd number/, ["keys", "show", file("1".repeat(31))]);
  await refused(6, /no such file/, ["keys", "show", newPath("nothing")]);
  await refused(6, /empty/, ["keys", "show", "-"], { input: "" });
  await refused(2, /file/, ["keys", "show"]);
  if (WINDOWS) return;
  chmodSync(drawn, 0o640);
  await refused(6, /others may read it/, ["keys", "show", drawn]);
  assert.match(await answer(["keys", "show", drawn, "--insecure-key-file"]), /^[0-9A-F]{6}$/);
});

// ---- dsc unlock ----

test("unlock: a lock code gets the same unlock code each time; keys come from files or stdin", async () => {
  const args = ["unlock", "--serial", CARD.serial, "--lock-code", "00040277"];
  const right = response("OCRA-1:HOTP-SHA256-8:QN08", UNLOCK_KEY, "00040277");
  assert.is(await answer([...args, ...DESK]), right);
  assert.equal(await answerJson([...args, ...DESK]), { serial: CARD.serial, unlockCode: right });
  const stdin = [...args, ...DESK, "--site-key", "-"];
  assert.is(await answer(stdin, { input: KEYS.site.toString("hex").toUpperCase() }), right);
  assert.is(await answer(stdin, { input: `# of the site\n${KEYS.site.toString("hex")}\n` }), right);
});

test("unlock: the code opens a locked card", async () => {
  const card = lockedCard();
  const args = ["unlock", "--serial", LOCKED, "--lock-code", askUnlock(card), ...DESK];
  assert.is(enter(card, await answer(args)), "NEW>");
});

test("unlock: bad lock codes, cards without an unlock key and unknown cards are refused", async () => {
  for (const code of ["", "1234567", "123456789", "1234567a", "1234 5678", "-1234567", "１２３４５６７８"])
    await refused(2, /8 digits/, ["unlock", "--serial", CARD.serial, `--lock-code=${code}`, ...DESK]);
  const args = ["unlock", "--lock-code", "12345678", ...DESK];
  await refused(6, /no unlock key/, [...args, "--serial", IMPORTED]);
  await refused(6, /no such card/, [...args, "--serial", "IB3999999"]);
  await refused(2, /is no serial number/, [...args, "--serial", "ib3000123"]);
  await refused(2, /--serial/, args);
});

test("unlock: an unusable register or key is reported", async () => {
  const args = ["unlock", "--serial", CARD.serial, "--lock-code", "12345678", ...DESK];
  const register = (path: string) => [...args, "--register", path];
  await refused(6, /no such file/, register(newPath("nothing")));
  await refused(6, /is not a file/, register(FOLDER));
  await refused(6, /is not a register/, register(file("<a/>")));
  await refused(2, /password/, register("postgres://desk:secret@localhost/desk"));
  const keys = (path: string) => [...args, "--site-key", path];
  await refused(6, /belongs to another register/, keys(file("00".repeat(32))));
  await refused(6, /65 hexadecimal digits|odd number/, keys(file(`${KEYS.site.toString("hex")}0\n`)));
  await refused(6, /empty/, keys(file("")));
  await refused(6, /more than one line/, keys(file(`${"00".repeat(32)}\n${"00".repeat(32)}\n`)));
  await refused(6, /no such file/, keys(newPath("nothing")));
  await refused(6, /it is a folder/, keys(FOLDER));
  await refused(6, /key is needed/, ["unlock", "--serial", CARD.serial, "--lock-code", "12345678", ...REGISTER]);
});

testUnless(test, ON_WINDOWS, "a secret file that others may read is refused, unless an option allows it", async () => {
  const open = file(KEYS.site.toString("hex"), "open.key", 0o644);
  const args = ["unlock", "--serial", CARD.serial, "--lock-code", "12345678", ...DESK, "--site-key", open];
  await refused(6, /chmod 600, or insist with --insecure-key-file/, args);
  assert.match(await answer([...args, "--insecure-key-file"]), /^\d{8}$/);
});

// ---- dsc challenge, dsc verify ----

test("challenge: it prints six digits, as text in JSON", async () => {
  const args = ["challenge", "--serial", CARD.serial, ...REGISTER];
  assert.match(await answer(args), /^\d{6}$/);
  const { challenge, ...rest } = await answerJson(args);
  assert.match(String(challenge), /^\d{6}$/);
  assert.is(typeof challenge, "string");
  assert.equal(rest, { serial: CARD.serial, seconds: 300 });
});

test("challenge: invalid input is refused", async () => {
  for (const serial of ["", "IB300012", "IB30001234", "ib3000123", "IB3000123\n"])
    await refused(2, /no serial number/, ["challenge", "--serial", serial, ...REGISTER]);
  await refused(2, /no register is named/, ["challenge", "--serial", CARD.serial]);
  await refused(2, /--serial/, ["challenge", ...REGISTER]);
  await refused(6, /no such card/, ["challenge", "--serial", "IB3999999", ...REGISTER]);
  const args = ["challenge", "--serial", CARD.serial, "--register"];
  await refused(6, /is not a register/, [...args, file("{}")]);
  await refused(6, /no such file/, [...args, join(FOLDER, "nowhere", "desk.db")]);
  await refused(6, /is not a file/, [...args, FOLDER]);
});

test("verify: a response is accepted or refused, with the PIN if the server checks it", async () => {
  const first = await newChallenge();
  const args = verifying(CARD.serial, first, cardResponse(first));
  assert.equal(await answerJson(args), { serial: CARD.serial, accepted: true });
  const json = await dsc([...args, "--json"]);
  assert.is(json.code, 1);
  assert.equal(JSON.parse(json.stdout), { serial: CARD.serial, accepted: false, warnings: [] });

  const typed = async (...more: string[]) => {
    const challenge = await newChallenge(SERVER.serial);
    return verifying(SERVER.serial, challenge, serverResponse(challenge, SERVER_KEY), ...more);
  };
  assert.is(await answer(await typed("--pin-file", PIN_FILE)), "accepted");
  assert.is(await answer(await typed("--pin-file", "-"), { input: PIN }), "accepted");
  await isRefused(await typed("--pin-file", file(OTHER_PIN)));
});

/** Exit code 1, `refused` on stdout, and nothing else. */
async function isRefused(args: string[]): Promise<void> {
  const { code, stdout, stderr } = await dsc(args);
  assert.equal({ code, stdout, stderr }, { code: 1, stdout: "refused\n", stderr: "" });
}

test("verify: an invalid response, challenge or card never has the exit code of a refusal, and spends nothing", async () => {
  const challenge = await newChallenge();
  const right = cardResponse(challenge);
  for (const typed of ["", "1234567", "123456789", "1234567a", " 1234567", "1234 5678", "１２３４５６７８"])
    await refused(2, /--response: 8 digits/, verifying(CARD.serial, challenge, typed));
  for (const asked of ["", "12345", "1234567"])
    await refused(2, /--challenge: 6 digits/, verifying(CARD.serial, asked, right));
  await refused(2, /does not fit/, verifying(CARD.serial, "12345a", right));
  await refused(2, /leave it out/, verifying(CARD.serial, challenge, right, "--pin-file", PIN_FILE));
  await refused(2, /no terminal/, verifying(SERVER.serial, challenge, right));
  await refused(6, /no such card/, verifying("IB3999999", challenge, right));
  await refused(2, /is no serial number/, verifying("card", challenge, right));
  await refused(6, /no PIN/, verifying(SERVER.serial, challenge, right, "--pin-file", file("83521")));
  const otherKey = ["--site-key", file("11".repeat(32))];
  await refused(6, /belongs to another register/, verifying(CARD.serial, challenge, right, ...otherKey));
  await refused(6, /no such file/, verifying(CARD.serial, challenge, right, "--register", newPath("nothing")));
  await refused(6, /is not a register/, verifying(CARD.serial, challenge, right, "--register", file("{}")));
  const both = ["--site-key", "-", "--pin-file", "-"];
  await refused(2, /only one secret/, verifying(SERVER.serial, challenge, right, ...both), { input: PIN });
  assert.is(await answer(verifying(CARD.serial, challenge, right)), "accepted");
});

test("verify: a response is accepted once, and a wrong one spends the challenge", async () => {
  const challenge = await newChallenge();
  const args = verifying(CARD.serial, challenge, cardResponse(challenge));
  assert.is(await answer(args), "accepted");
  await isRefused(args);
  await isRefused(args);
  const second = await newChallenge();
  const right = cardResponse(second);
  await isRefused(verifying(CARD.serial, second, wrong(right)));
  await isRefused(verifying(CARD.serial, second, right));
});

test("verify: a challenge that was not issued, or for another card, is refused", async () => {
  const challenge = await newChallenge();
  const other = challenge === "000001" ? "000002" : "000001";
  await isRefused(verifying(CARD.serial, other, cardResponse(other)));
  const response = serverResponse(challenge, SERVER_KEY);
  await isRefused(verifying(SERVER.serial, challenge, response, "--pin-file", PIN_FILE));
  assert.is(await answer(verifying(CARD.serial, challenge, cardResponse(challenge))), "accepted");
});

test("verify: of eight processes with one response, one accepts and seven refuse", async () => {
  const challenge = await newChallenge();
  const args = verifying(CARD.serial, challenge, cardResponse(challenge));
  const results = await Promise.all(Array.from({ length: 8 }, () => dscBeside(args)));
  const said = results.map(({ code, stderr }) => `${code}${stderr.replace(/^still waiting: .*\n/gm, "")}`);
  assert.equal(said.sort(), ["0", ..."1111111"]);
  assert.equal(results.map(({ stdout }) => stdout).sort(), ["accepted\n", ...Array(7).fill("refused\n")]);
});

test("challenge: eight processes at once issue eight challenges, and all are kept", async () => {
  const args = ["challenge", "--serial", CARD.serial, ...REGISTER];
  const results = await Promise.all(Array.from({ length: 8 }, () => dscBeside(args)));
  const drawn = results.map(({ stdout }) => stdout.trim());
  assert.is(new Set(drawn).size, 8);
  for (const challenge of drawn)
    assert.is(await answer(verifying(CARD.serial, challenge, cardResponse(challenge))), "accepted");
});

function newChallenge(serial = CARD.serial): Promise<string> {
  return answer(["challenge", "--serial", serial, ...REGISTER]);
}

// ---- dsc pskc ----

test("pskc show: without the key it lists every card, with secrets masked", async () => {
  const { code, stdout, stderr } = await dsc(["pskc", "show", SEEDS]);
  assert.is(code, 0, stderr);
  assert.match(stdout, /encrypted under a pre-shared key/);
  assert.match(stdout, /not checked/);
  for (const { serial, suite: name } of [CARD, SERVER, PENDING])
    assert.match(stdout, new RegExp(`serial +${serial}\nsuite +${name}\n`));
  assert.match(stdout, /^key +\*{8}\nunlock key +\*{8}$/m);
  assert.match((await dsc(["pskc", "show", PASSPHRASE_SEEDS])).stdout, /encrypted under a passphrase/);
});

test("pskc show: with the key it checks every MAC", async () => {
  const args = ["pskc", "show", SEEDS, "--pskc-key", SEED_KEY_FILE];
  assert.match((await dsc(args)).stdout, /^MACs +right; they cover the keys, and no serial number$/m);
  const tampered = file(tamper(readFileSync(SEEDS, "utf8")));
  assert.is((await dsc(["pskc", "show", tampered])).code, 0);
  const shown = await dsc(["pskc", "show", tampered, "--pskc-key", SEED_KEY_FILE]);
  assert.is(shown.code, 6);
  assert.match(
    shown.stderr,
    /^dsc: [^\n]*: a key cannot be used, all others can: "IB3000123": the MAC is wrong[^\n]*\n$/,
  );
  assert.match(
    shown.stdout,
    /^MACs +right, except for the unusable keys; they cover [^\n]+\ncards +3\ncannot be used +"IB3000123": the MAC is wrong/m,
  );
  await refused(6, /does not open|MAC is wrong/, ["pskc", "show", SEEDS, "--pskc-key", file("22".repeat(16))]);
  await refused(6, /opens with a key/, ["pskc", "show", SEEDS, "--pskc-key", PASSPHRASE_FILE]);
});

test("pskc show: it prints JSON", async () => {
  const { cards, ...rest } = await answerJson(["pskc", "show", SEEDS]);
  assert.equal(rest, { file: SEEDS, opensWith: "key", checked: false, otherKeys: 0, refused: [] });
  const { key, unlockKey, ...card } = CARD;
  assert.equal((cards as unknown[])[0], { ...card, unlockable: true });
  const server = { serial: SERVER.serial, suite: SERVER.suite, pinCheck: "server", state: "done", keyset: 2 };
  assert.equal((cards as unknown[])[1], { ...server, unlockable: false });
  assert.is((await answerJson(["pskc", "show", SEEDS, "--pskc-key", SEED_KEY_FILE])).checked, true);
});

test("pskc show: keys in the clear are reported and masked; keys of other kinds are counted", async () => {
  const plain = file(`<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">
    <KeyPackage><DeviceInfo><SerialNo>IB3000126</SerialNo></DeviceInfo>
      <Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:ocra">
        <AlgorithmParameters><Suite>${SUITE}</Suite></AlgorithmParameters>
        <Data><Secret><PlainValue>${KEY.toString("base64")}</PlainValue></Secret></Data></Key></KeyPackage>
    <KeyPackage><Key Id="2" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"/></KeyPackage>
    </KeyContainer>`);
  const { code, stdout } = await dsc(["pskc", "show", plain]);
  assert.is(code, 0);
  assert.match(stdout, /^keys +not encrypted/m);
  assert.match(stdout, /^other keys +1,/m);
  assert.match(stdout, /^serial +IB3000126$/m);
  await refused(6, /not encrypted/, ["pskc", "show", plain, "--pskc-key", SEED_KEY_FILE]);
});

test("pskc show: files that are no seed files are refused", async () => {
  await refused(6, /no such file/, ["pskc", "show", newPath("nothing")]);
  for (const bad of ["", "text", "<a/>", "<!DOCTYPE a><a/>", readFileSync(SEEDS).subarray(0, 2000), Buffer.of(255)])
    await refused(6, /./, ["pskc", "show", file(bad)]);
  await refused(2, /file/, ["pskc", "show"]);
});

test("pskc show: it reads another tool's seed file", async () => {
  const [card] = (await answerJson(["pskc", "show", EXAMPLE_SEED_FILE])).cards as unknown[];
  const known = { serial: "DSCA00000001", suite: SUITE, pinCheck: "card", tries: 3, state: "done" };
  assert.equal(card, { ...known, unlockable: false });
});

test("pskc csv: it writes the finished cards, as privacyIDEA imports them", async () => {
  const out = newPath("import.csv");
  const { code, stdout, stderr } = await dsc(["pskc", "csv", SEEDS, out, "--pskc-key", SEED_KEY_FILE]);
  assert.is(code, 0, stderr);
  assert.match(stdout, /: 2 cards, .*delete it/);
  assert.match(stderr, /^warning: 1 left out: personalization not finished/);
  const hex = KEY.toString("hex");
  const lines = [CARD, SERVER].map(({ serial, suite: name }) => `${serial}, ${hex}, ocra, ${name}\n`);
  assert.is(readFileSync(out, "utf8"), lines.join(""));
  if (!WINDOWS) assert.is(statSync(out).mode & 0o777, 0o600);
  await refused(6, /exists already/, ["pskc", "csv", SEEDS, out, "--pskc-key", SEED_KEY_FILE]);
  const second = newPath("import.csv");
  const json = await dsc(["pskc", "csv", PASSPHRASE_SEEDS, second, "--pskc-key", PASSPHRASE_FILE, "--json"]);
  assert.equal(JSON.parse(json.stdout), {
    file: second,
    cards: 2,
    pending: 1,
    nameless: 0,
    refused: [],
    warnings: ["1 left out: personalization not finished"],
  });
  assert.is(readFileSync(second, "utf8"), lines.join(""));
});

test("pskc csv: a card with a wrong MAC is named and left out, and the others are written", async () => {
  const out = newPath("import.csv");
  const tampered = file(tamper(readFileSync(SEEDS, "utf8")));
  const { code, stdout } = await dsc(["pskc", "csv", tampered, out, "--pskc-key", SEED_KEY_FILE, "--json"]);
  assert.is(code, 6);
  const { error, refused: named, cards } = JSON.parse(stdout);
  assert.equal(
    [error.kind, cards, named.map(({ serial }: { serial: string }) => serial)],
    ["seed-file", 1, [CARD.serial, CARD.serial]],
  );
  assert.is(readFileSync(out, "utf8"), `${SERVER.serial}, ${KEY.toString("hex")}, ocra, ${SERVER.suite}\n`);
});

test("pskc csv: for Nextcloud it writes the cards with a user name; other systems are refused", async () => {
  const out = newPath("import.csv");
  const seeds = newPath("seeds.xml");
  putSeedFile(seeds, SEED_KEY, { ...CARD, userName: "alice" }, { ...CARD, serial: "IB3000126" });
  const args = ["pskc", "csv", seeds, out, "--pskc-key", SEED_KEY_FILE];
  await refused(2, /privacyidea, nextcloud/, [...args, "--for", "linotp"]);
  const { code, stderr } = await dsc([...args, "--for", "nextcloud"]);
  assert.is(code, 0, stderr);
  assert.match(stderr, /^warning: 1 left out: no user name\n$/);
  const base32 = "YD764AH2ZLPBDXWK3YRPUEPNGMC65UCEBXN2CFK4UGVR4ZQP6HHA";
  const line = `alice,none,ocra,sha256,8,,,6,${SUITE},${base32}`;
  assert.is(
    readFileSync(out, "utf8"),
    `username,status,type,algorithm,digits,period,counter,challenge,suite,secret\n${line}\n`,
  );
  await refused(6, /no card has a user name/, [
    "pskc",
    "csv",
    SEEDS,
    newPath("no.csv"),
    "--pskc-key",
    SEED_KEY_FILE,
    "--for",
    "nextcloud",
  ]);
});

test("pskc csv: on any error it writes nothing", async () => {
  const out = newPath("import.csv");
  await refused(6, /does not open|MAC is wrong/, ["pskc", "csv", SEEDS, out, "--pskc-key", file("33".repeat(16))]);
  await refused(6, /no such file/, ["pskc", "csv", newPath("nothing"), out, "--pskc-key", SEED_KEY_FILE]);
  await refused(6, /no such file or folder/, [
    "pskc",
    "csv",
    SEEDS,
    join(FOLDER, "no", "x"),
    "--pskc-key",
    SEED_KEY_FILE,
  ]);
  await refused(2, /--pskc-key/, ["pskc", "csv", SEEDS, out]);
  await refused(2, /out/, ["pskc", "csv", SEEDS, "--pskc-key", SEED_KEY_FILE]);
  const pending = putSeedFile(newPath("seeds.xml"), SEED_KEY, PENDING);
  await refused(6, /nothing was written/, ["pskc", "csv", pending, out, "--pskc-key", SEED_KEY_FILE]);
  assert.not(existsSync(out));
});

// ---- every command ----

test("each command as a process has the same output and exit code as here", async () => {
  const right = cardResponse("012345");
  const ocra = ["ocra", "--suite", SUITE, "--challenge", "123456"];
  const unlock = ["unlock", "--serial", CARD.serial, "--lock-code", "12345678", ...DESK];
  const csv = ["pskc", "csv", SEEDS, SEEDS, "--pskc-key", SEED_KEY_FILE];
  const input = KEY.toString("hex");
  const codes = new Set<number | null>();
  for (const args of [
    ocra,
    [...ocra, "--json"],
    [...ocra, "--pin-file", PIN_FILE],
    ["keys", "new", SEEDS],
    unlock,
    [...unlock, "--site-key", "-"],
    [...unlock, "--site-key", newPath("nothing"), "--json"],
    ["challenge", "--serial", CARD.serial, "--register", file("{}")],
    verifying(CARD.serial, "012345", right),
    verifying(PENDING.serial, "012345", right),
    ["pskc", "show", SEEDS],
    csv,
    ["info", "--port", ""],
  ]) {
    const alone = dscAlone(args, { input });
    assert.equal(await dsc(args, { input }), alone, args.join(" "));
    codes.add(alone.code);
  }
  assert.equal([...codes].sort(), [0, 1, 2, 3, 6]);
});

const COMMANDS = [
  ...[
    "ocra",
    "keys new",
    "keys show",
    "unlock",
    "challenge",
    "verify",
    "pskc show",
    "pskc csv",
    "order add",
    "order list",
  ],
  ...["order cancel", "journal show", "journal head", "journal verify", "card list", "card show", "card history"],
  ...["card ship", "card lost", "card found", "card activate", "card return", "card retire"],
  ...["pskc export", "pskc import"],
];

test("--help has examples and exit code 0", async () => {
  for (const command of COMMANDS) {
    const { code, stdout, stderr } = await dsc([...command.split(" "), "--help"]);
    assert.is(code, 0, stderr);
    assert.match(stdout, /--json/, command);
    assert.ok(stdout.includes(`$ dsc ${command} `), `${command} has an example`);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 120, line);
  }
});

test("an unknown option is reported without its value, which may be a secret", async () => {
  const hex = KEY.toString("hex");
  for (const more of [[`--key=${hex}`], [`--pin=${PIN}`], ["--pin", PIN], [hex]])
    await refused(2, /./, ["ocra", "--suite", SUITE, "--challenge", "123456", ...more], { input: hex });
});

testUnless(
  test,
  NO_FULL_DISK,
  "output that cannot be written is a file error, and never a refusal or a success",
  async () => {
    const full = { stdout: openSync("/dev/full", "w") };
    const challenge = await newChallenge();
    const right = cardResponse(challenge);
    const transport = newPath("transport.key");
    const csv = newPath("import.csv");
    for (const args of [
      ["ocra", "--suite", SUITE, "--challenge", "123456"],
      ["keys", "new", transport],
      ["keys", "show", transport],
      ["unlock", "--serial", CARD.serial, "--lock-code", "12345678", ...DESK],
      ["challenge", "--serial", CARD.serial, ...REGISTER],
      verifying(CARD.serial, challenge, right),
      verifying(CARD.serial, challenge, right),
      ["pskc", "show", SEEDS],
      ["pskc", "csv", SEEDS, csv, "--pskc-key", SEED_KEY_FILE],
    ]) {
      const { code, stderr } = dscAlone(args, { input: KEY.toString("hex"), ...full });
      assert.is(code, 6, `${args[0]}: ${stderr}`);
      assert.match(stderr.replace(/^warning.*\n/, ""), /^dsc: [^\n]*\n$/, args[0]);
    }
    assert.match(readFileSync(transport, "utf8"), /^[0-9a-f]{32}$/m);
    assert.is(readFileSync(csv, "utf8").split("\n").length, 3);
    await isRefused(verifying(CARD.serial, challenge, right));
  },
);

testUnless(test, NO_FULL_DISK, "if an error cannot be printed, the exit code still shows it", async () => {
  const full = { stderr: openSync("/dev/full", "w") };
  const challenge = await newChallenge();
  const args = verifying(CARD.serial, challenge, cardResponse(challenge));
  assert.is(dscAlone(verifying(CARD.serial, "1", "1"), full).code, 2);
  assert.is(dscAlone([...args, "--register", newPath("nothing")], full).code, 6);
  assert.is(dscAlone(args, full).code, 0);
});

test("a file without a name is refused", async () => {
  for (const args of [
    ["keys", "new", ""],
    ["pskc", "show", ""],
    ["pskc", "csv", SEEDS, "", "--pskc-key", SEED_KEY_FILE],
    verifying(CARD.serial, "012345", "01234567", "--pin-file", ""),
    verifying(CARD.serial, "012345", "01234567", "--site-key="),
  ])
    await refused(6, /"": the name is empty; give one/, args);
  await refused(3, /no port given/, ["info", "--port", ""]);
});

test("keys in the clear are not written to a file called -", async () => {
  await refused(2, /not written to standard output/, ["pskc", "csv", SEEDS, "-", "--pskc-key", SEED_KEY_FILE]);
  await refused(2, /not written to standard output/, ["keys", "new", "-"]);
});

test("help with an unknown command is an error", async () => {
  await refused(2, /unknown command "nope"/, ["help", "nope"]);
  await refused(2, /unknown command "nope"/, ["pskc", "help", "nope"]);
  for (const args of [["help"], ["help", "pskc"], ["help", "verify"], ["pskc", "help", "show"]])
    assert.is((await dsc(args)).code, 0, args.join(" "));
});

testUnless(test, UNBOUND, "a folder without write permission is reported", async () => {
  const folder = newPath("folder");
  mkdirSync(folder, { mode: 0o500 });
  await refused(6, /you have no permission/, ["keys", "new", join(folder, "key")]);
});

test("Ctrl-C while a secret is asked for or awaited ends with code 130 and leaves nothing", async () => {
  const before = snapshot();
  await atTerminal(["ocra", "--suite", SUITE, "--challenge", "123456"], async (program) => {
    await program.until(/Key in hexadecimal:/);
    program.send("\x03");
    assert.is(await program.exit, 130);
  });
  // A real signal, if the system has signals. A process that does not wait yet is killed by it.
  const child = spawn(process.execPath, [LAUNCHER, "ocra", "--suite", SUITE, "--challenge", "123456"]);
  setTimeout(() => child.kill("SIGINT"), 1500);
  const how = await new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
  assert.ok(how === 130 || how === "SIGINT", String(how));
  assert.equal(snapshot(), before);
});

test("32 hexadecimal digits typed at a terminal are a key of a seed file, as in a file", async () => {
  await atTerminal(["pskc", "show", SEEDS, "--pskc-key", "-"], async (program) => {
    await program.until(/seed file:$/m);
    program.send(`${SEED_KEY.toString("hex")}\r`);
    await program.until(/MACs +right/);
    assert.is(await program.exit, 0);
  });
});

test("at a terminal key and PIN are typed unseen, the PIN twice", async () => {
  await atTerminal(["ocra", "--suite", SERVER.suite, "--challenge", "123456"], async (program) => {
    await program.until(/Key in hexadecimal:/);
    program.send(`${KEY.toString("hex")}\r`);
    await program.until(/PIN:/);
    program.send(`${PIN}\r`);
    await program.until(/PIN again:/);
    program.send(`${PIN}\r`);
    await program.until(new RegExp(serverResponse("123456")));
    assert.is(await program.exit, 0);
  });
});

async function atTerminal(args: string[], use: (program: TerminalProgram) => Promise<void>): Promise<void> {
  const program = new TerminalProgram([LAUNCHER, ...args], 160);
  try {
    await use(program);
  } finally {
    printed.push(program.raw);
    await program.close();
  }
}

/** Other digits in the first encrypted token key. */
function tamper(xml: string): string {
  const at = xml.indexOf("CipherValue>", xml.indexOf("EncryptedValue")) + "CipherValue>".length;
  return xml.slice(0, at) + (xml[at] === "A" ? "B" : "A") + xml.slice(at + 1);
}

test("nothing that was printed holds a secret, whole or in part", () => {
  assert.ok(printed.length > 200, `${printed.length} outputs`);
  const all = printed.join("\n");
  const secrets = [KEY, UNLOCK_KEY, SERVER_KEY, SEED_KEY, ...Object.values(KEYS)].flatMap((key) => [
    key.toString("hex").slice(0, 16),
    key.toString("hex").slice(-16),
    key.toString("base64").slice(0, 16),
  ]);
  for (const secret of [...secrets, "canary"]) assert.not(all.toLowerCase().includes(secret.toLowerCase()), secret);
  assert.not.match(all, new RegExp(`\\b(${PIN}|${OTHER_PIN})\\b`));
});

test.run();
