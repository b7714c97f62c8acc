// A pipe in place of a file. For a secret, dsc waits for the pipe, and Ctrl-C ends the wait at once; everywhere else a
// pipe is refused at once. No open file may keep a command from handling Ctrl-C.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { hexFile, imageBytes } from "../../support/hexfile.js";
import { onceListening, preload } from "../../support/preload.js";
import { registerFiles } from "../../support/registerfiles.js";
import { scratchFolder } from "../../support/scratch.js";
import { putSeedFile } from "../../support/seedfile.js";
import { DSC, type DscOptions, type Ended, dsc as runDsc } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "dsc and pipes");

const FOLDER = scratchFolder();
const SEED_KEY = Buffer.alloc(16, 9);
const SERIAL = ["--serial", "IB3000123"];
const KEY_HEX = "07".repeat(32);
const at = (name: string) => join(FOLDER, name);

function put(name: string, contents: string): string {
  writeFileSync(at(name), contents, { mode: 0o600 });
  return at(name);
}

function fifo(name: string): string {
  const { status } = spawnSync("mkfifo", ["-m", "600", at(name)]);
  assert.ok(ON_WINDOWS ?? status === 0, name);
  return at(name);
}

/** A pipe that no process writes to or reads from. */
const PIPE = fifo("pipe");
const SEED_KEY_FILE = put("seeds.key", SEED_KEY.toString("hex"));
const SEEDS = putSeedFile(at("seeds.xml"), SEED_KEY, {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: Buffer.from(KEY_HEX, "hex"),
  unlockKey: undefined,
  state: "done",
  keyset: undefined,
});
const KEY_FILE = ["--pskc-key", SEED_KEY_FILE];
const REGISTER = ON_WINDOWS ? [] : await registerFiles(FOLDER);
const SITE_KEY = REGISTER.slice(2, 4);
const VERIFY = ["verify", ...SERIAL, "--challenge", "012345", "--response", "01234567"];
const PERSONALIZE = ["personalize", "--port", at("no-port"), ...SERIAL, ...REGISTER];
const OCRA = ["ocra", "--suite", "OCRA-1:HOTP-SHA256-8:QN06-PSHA1", "--challenge", "012345"];
const IMAGE = put("image.hex", hexFile([{ address: 0, bytes: imageBytes() }]));
mkdirSync(at("drive"));
fifo("drive/DETAILS.TXT");

/** Commands that wait for a secret, and where they wait. */
const SECRETS: Record<string, readonly string[]> = {
  "unlock --site-key": ["unlock", ...SERIAL, "--lock-code", "12345678", ...REGISTER, "--site-key", PIPE],
  "keys show": ["keys", "show", PIPE],
  "pskc show --pskc-key": ["pskc", "show", SEEDS, "--pskc-key", PIPE],
  "pskc export --pskc-key": ["pskc", "export", at("export.xml"), ...REGISTER, "--pskc-key", PIPE],
  "pskc export --site-key": ["pskc", "export", at("export.xml"), ...KEY_FILE, ...REGISTER, "--site-key", PIPE],
  "pskc import --pskc-key": ["pskc", "import", SEEDS, ...REGISTER, "--pskc-key", PIPE],
  "pskc import --sign-key": ["pskc", "import", SEEDS, ...REGISTER, ...KEY_FILE, "--sign-key", PIPE],
  "pskc csv --pskc-key": ["pskc", "csv", SEEDS, at("out.csv"), "--pskc-key", PIPE],
  "ocra --pin-file": [...OCRA, "--pin-file", PIPE],
  "personalize --desk-key": [...PERSONALIZE, "--desk-key", PIPE],
  "personalize --pin-file": [...PERSONALIZE, "--pin-file", PIPE],
  "personalize --key-file": [...PERSONALIZE, "--key-file", PIPE],
  "personalize --transport": [...PERSONALIZE, "--transport", PIPE],
  "verify --site-key": [...VERIFY, "--register", at("no.db"), "--site-key", PIPE],
  "card lost --journal-key": ["card", "lost", ...SERIAL, "--register", at("no.db"), "--journal-key", PIPE],
  "order add --pin-file": ["order", "add", "--user", "j.doe", "--register", at("no.db"), "--pin-file", PIPE],
  "check --transport": ["check", "--port", at("no-port"), "--register", at("no.db"), "--transport", PIPE],
  "wipe --transport": ["wipe", "--port", at("no-port"), "--transport", PIPE],
  "test --transport": ["test", "--port", at("no-port"), "--transport", PIPE],
};

/** Commands with a pipe in place of a file, and their exit codes. */
const FILES: Record<string, readonly [number, readonly string[]]> = {
  "pskc show": [6, ["pskc", "show", PIPE]],
  "pskc export, to": [6, ["pskc", "export", PIPE, ...REGISTER, ...KEY_FILE]],
  "pskc export --site-cert": [6, ["pskc", "export", at("a"), ...REGISTER, ...KEY_FILE, "--site-cert", PIPE]],
  "pskc import": [6, ["pskc", "import", PIPE, ...REGISTER, ...KEY_FILE]],
  "pskc import --receipt": [6, ["pskc", "import", SEEDS, ...REGISTER, ...KEY_FILE, "--receipt", PIPE]],
  "pskc csv, from": [6, ["pskc", "csv", PIPE, at("out.csv"), "--pskc-key", SEED_KEY_FILE]],
  "pskc csv, to": [6, ["pskc", "csv", SEEDS, PIPE, "--pskc-key", SEED_KEY_FILE]],
  "verify --register": [6, [...VERIFY, ...SITE_KEY, "--register", PIPE]],
  "challenge --register": [6, ["challenge", ...SERIAL, "--register", PIPE]],
  "card list --register": [6, ["card", "list", "--register", PIPE]],
  "journal verify --head": [6, ["journal", "verify", "--register", at("no.db"), "--head", PIPE]],
  "keys new": [6, ["keys", "new", PIPE]],
  "personalize --register": [6, [...PERSONALIZE, "--register", PIPE]],
  "flash --image": [6, ["flash", "--image", PIPE]],
  "flash --mount": [3, ["flash", "--image", IMAGE, "--mount", at("drive")]],
  "info --port": [3, ["info", "--port", PIPE]],
};

/** Disables the timer that ends dsc a second after Ctrl-C, because the wait itself must end. */
const NO_LAST_WORDS = `
  const real = setTimeout;
  globalThis.setTimeout = (call, ms, ...more) => real(call, ms === 1000 ? 2 ** 30 : ms, ...more);`;
const LISTENING = preload(FOLDER, "listening", NO_LAST_WORDS + onceListening('process.stderr.write("listening\\n");'));

for (const [name, args] of Object.entries(SECRETS))
  test(`${name}: Ctrl-C while nobody writes to the pipe ends with code 130`, async () => {
    const ended = await interrupted(args);
    assert.is(ended.code, 130, ended.stderr);
    assert.match(ended.stderr, /^listening\ndsc: interrupted\n$/);
  });

for (const [name, [code, args]] of Object.entries(FILES))
  test(`${name}: a pipe is refused at once, because a file is needed`, async () => {
    const ended = await runDsc(args);
    assert.is(ended.code, code, ended.stderr);
    assert.match(ended.stderr, /^(warning: [^\n]+\n)*dsc: [^\n]+\n$/);
  });

test("a secret that comes through a pipe late and in pieces is read whole", async () => {
  const path = fifo("late");
  const show = `exec "$0" "$1" pskc show "$2" --pskc-key "$3" --json`;
  const write = `(sleep 0.3; printf ${SEED_KEY.toString("hex").slice(0, 9)}; sleep 0.3; echo ${SEED_KEY.toString("hex").slice(9)}) > "$3" &`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", `${write} ${show}`, process.execPath, DSC, SEEDS, path], {
    encoding: "utf8",
  });
  assert.is(status, 0, stderr);
  assert.is(JSON.parse(stdout).checked, true);
});

test("a pipe that others may read is refused like a file; one that ends at once is empty", async () => {
  const shared = fifo("shared");
  spawnSync("chmod", ["644", shared]);
  const refused = await runDsc(["pskc", "show", SEEDS, "--pskc-key", shared]);
  assert.is(refused.code, 6);
  assert.match(refused.stderr, /others may read it/);
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", `: > "$3" & exec "$0" "$1" pskc show "$2" --pskc-key "$3"`, process.execPath, DSC, SEEDS, fifo("ends")],
    { encoding: "utf8" },
  );
  assert.is(status, 6);
  assert.match(stderr, /empty/);
});

/**
Runs `dsc` and interrupts it once it listens for that. runDsc kills a process that does not react; it has no exit code.
*/
function interrupted(args: readonly string[]): Promise<Ended> {
  const during: DscOptions["during"] = (running) => {
    running.stderr.once("data", () => running.kill("SIGINT"));
  };
  return runDsc(args, { input: null, env: LISTENING, during });
}

test.run();
