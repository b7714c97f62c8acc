// `dsc register` and `dsc settings` as people and scripts call them: a register is made, checked, backed up, restored,
// moved to a server and given other keys. Each impossible request gets one line and its exit code.

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { dscFirstAlone } from "../../support/dschere.js";
import { NO_POSTGRES } from "../../support/postgres.js";
import { postgres } from "../../support/registers.js";
import { scratchFolder } from "../../support/scratch.js";
import { ON_WINDOWS, packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("dsc register");

const FOLDER = scratchFolder();
const KEYS = ["site", "desk", "journal"] as const;

const path = (name: string) => join(FOLDER, name);
/** The environment without the register variables of the person who runs the tests. */
const { DSC_REGISTER: _, DSC_SITE_KEY: __, DSC_DESK_KEY: ___, DSC_JOURNAL_KEY: ____, ...CLEAN } = process.env;
const ENV: NodeJS.ProcessEnv = {
  ...CLEAN,
  DSC_REGISTER: path("register.db"),
  DSC_OPERATOR: "anna",
  ...Object.fromEntries(KEYS.map((kind) => [`DSC_${kind.toUpperCase()}_KEY`, path(`${kind}.key`)])),
};

const dsc = dscFirstAlone();

/** Runs dsc. Returns its output, which is one line if the exit code is an error's. */
async function run(code: number, args: readonly string[], env: NodeJS.ProcessEnv = ENV): Promise<string> {
  const ended = await dsc(args, env);
  const printed = ended.stdout + ended.stderr;
  assert.is(ended.code, code, `${args.join(" ")}: ${printed}`);
  if (code > 1) assert.match(ended.stderr, /^(warning: .*\n)*dsc: .+\n$/);
  for (const kind of KEYS) assert.not.match(printed, digits(kind), "a key was printed");
  return printed.trim();
}

async function json(code: number, args: readonly string[], env = ENV): Promise<Record<string, unknown>> {
  const ended = await dsc([...args, "--json"], env);
  assert.is(ended.code, code, ended.stdout + ended.stderr);
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

/** The key in a file, in hexadecimal; if the file does not exist, a string that occurs in no text. */
function digits(kind: string): string {
  const file = path(`${kind}.key`);
  return existsSync(file) ? (readFileSync(file, "utf8").trim().split("\n").at(-1) as string) : "\0";
}

test("init makes the missing keys and the register", async () => {
  const made = await json(0, ["register", "init"]);
  assert.equal(
    made.drawn,
    KEYS.map((kind) => path(`${kind}.key`)),
  );
  assert.match(String(made.journalPublicKey), /^[0-9a-f]{64}$/);
  assert.is(made.site, true);
  for (const file of ["register.db", ...KEYS.map((kind) => `${kind}.key`)])
    if (!ON_WINDOWS) assert.is(statSync(path(file)).mode & 0o777, 0o600, file);
  await run(6, ["register", "init"]);
  const { findings, entries } = await json(0, ["register", "check"]);
  assert.equal([findings, entries], [[], 1]);
});

test("a register is never made over an existing file, and then no key is made", async () => {
  const other = { ...ENV, DSC_DESK_KEY: path("new-desk.key") };
  await run(6, ["register", "init"], other);
  assert.not.ok(existsSync(path("new-desk.key")));
});

test("an impossible request is refused in one line, with its exit code", async () => {
  const { DSC_REGISTER, ...without } = ENV;
  assert.match(await run(2, ["register", "check"], without), "DSC_REGISTER");
  assert.match(await run(2, ["register", "init", "--register", path("x.db")], { ...CLEAN }), "--desk-key");
  assert.match(await run(6, ["register", "check", "--register", path("nowhere.db")]), "dsc register init");
  assert.match(await run(6, ["register", "check", "--desk-key", path("no.key")]), "no.key");
  assert.match(
    await run(6, ["register", "check", "--desk-key", path("site.key")]),
    "desk key belongs to another register",
  );
  assert.match(await run(2, ["register", "check", "--desk-key", "pkcs11:token=desk"]), "which key?");
  assert.match(await run(2, ["register", "check", "--desk-key", "-", "--site-key", "-"]), "standard input");
  const url = "postgres://desk:hunter2@db.example/register";
  assert.not.match(await run(2, ["register", "check", "--register", url]), "hunter2");
  writeFileSync(path("text"), "no database".repeat(1000));
  await run(6, ["register", "check", "--register", path("text")]);
  await run(6, ["register", "restore", path("text"), "--register", path("y.db"), "--nothing-since"]);
  await run(2, ["register", "restore", path("text"), "--register", path("y.db")]);
  await run(2, ["register", "rekey"]);
  await run(2, ["settings", "no.such.setting"]);
  await run(2, ["settings", "serial.first", "AB12"]);
  assert.match(await run(6, ["settings", "label.sheet", "L9999"]), "L7160");
  assert.match(await run(6, ["settings", "letter.language", "XX"]), "EN, RU, FR, DE, JA");
  assert.match(await run(6, ["settings", "letter.font", path("text")]), "is not a usable font");
  assert.match(await run(6, ["settings", "letter.paper", "A5"]), "A4, Letter");
  const { error } = await json(6, ["register", "check", "--register", path("nowhere.db")]);
  assert.equal((error as { kind: string }).kind, "register");
});

test("a changed setting is stored, and the journal says who changed it", async () => {
  assert.is(await run(0, ["settings", "serial.first"]), "IB3000001");
  assert.is(await run(0, ["settings", "serial.first", "IB3000500"]), "IB3000500");
  const { settings } = await json(0, ["settings"]);
  assert.equal(
    (settings as { name: string; value: string }[]).map(({ name, value }) => [name, value]),
    [
      ["serial.first", "IB3000500"],
      ["label.sheet", "L7160"],
      ["letter.language", "EN"],
      ["letter.font", "standard"],
      ["letter.paper", "A4"],
      ["approval.export", "no"],
      ["approval.forget", "no"],
      ["approval.reseed", "no"],
      ["approval.unlock", "no"],
      ["approval.clock", "no"],
    ],
  );
  assert.match(await run(0, ["journal", "show"]), /anna +settings +IB3000001 +IB3000500/);
  const { DSC_JOURNAL_KEY, ...without } = ENV;
  assert.match(await run(6, ["settings", "serial.first", "IB3000600"], without), "--journal-key");
  assert.is(await run(0, ["settings", "serial.first"], without), "IB3000500");
});

test("a backup is restored to a register, and numbering continues", async () => {
  await run(0, ["register", "backup", path("one.backup")]);
  await run(0, ["journal", "head", path("head.json")]);
  await run(6, ["register", "backup", path("one.backup")]);
  const since = ["--number-from", "IB3000700", "--head", path("head.json")];
  const restored = await json(0, ["register", "restore", path("one.backup"), "--register", path("two.db"), ...since]);
  assert.equal([restored.lostEntries, restored.findings, restored.warnings], [0, [], []]);
  const two = { ...ENV, DSC_REGISTER: path("two.db") };
  assert.is(await run(0, ["settings", "serial.first"], two), "IB3000700");
  await run(0, ["register", "check", "--head", path("head.json")], two);
  await run(6, ["register", "restore", path("one.backup"), "--register", path("two.db"), ...since]);
});

test("check reports what is wrong and ends with 1", async () => {
  const engine = await openEngine(path("two.db"));
  await engine.write((db) => db.updateTable("journal").set({ actor: "mallory" }).where("number", "=", 2).execute());
  await engine.close();
  const two = { ...ENV, DSC_REGISTER: path("two.db") };
  assert.match(await run(1, ["register", "check"], two), "entry 2 was changed");
});

test("an init or a restore that is refused leaves no register", async () => {
  const made = ["--register", path("half.db"), "--desk-key", path("half.key"), "--journal-key", path("no/such.key")];
  await run(6, ["register", "init", ...made]);
  writeFileSync(path("bad.backup"), `${"x".repeat(100)}\n`);
  await run(6, ["register", "restore", path("bad.backup"), "--nothing-since", "--register", path("half.db")]);
  assert.not(existsSync(path("half.db")));
});

test("rekey makes another key, and the old one is refused", async () => {
  const old = digits("desk");
  const { drawn } = await json(0, ["register", "rekey", "--new-desk-key", path("desk-2.key")]);
  assert.equal(drawn, [path("desk-2.key")]);
  await run(6, ["register", "check"]);
  await run(0, ["register", "check", "--desk-key", path("desk-2.key")]);
  assert.not.match(readFileSync(path("desk-2.key"), "utf8"), old);
});

test("with another journal key its public key is printed, and earlier entries are checked with the earlier key", async () => {
  const env = { ...ENV, DSC_REGISTER: path("rekeyed.db"), DSC_DESK_KEY: path("desk-2.key") };
  await run(0, ["register", "init"], env);
  await run(0, ["journal", "head", path("early.json")], env);
  const { drawn, journalPublicKey } = await json(0, ["register", "rekey", "--new-journal-key", path("j-2.key")], env);
  assert.equal(drawn, [path("j-2.key")]);
  assert.match(String(journalPublicKey), /^[0-9a-f]{64}$/);
  assert.match(await run(6, ["settings", "serial.first", "IB3000600"], env), "journal key belongs to another register");
  const now = { ...env, DSC_JOURNAL_KEY: path("j-2.key") };
  await run(0, ["settings", "serial.first", "IB3000600"], now);
  const verify = ["journal", "verify", "--head", path("early.json")];
  const alone = await json(0, verify, now);
  assert.equal([alone.checked, alone.findings], ["every entry from 3 on", []]);
  assert.match(String(alone.warnings), /entries 1 to 2 are under an earlier journal key.*--earlier-journal-key/);
  const both = await json(0, [...verify, "--earlier-journal-key", path("journal.key")], now);
  assert.equal([both.checked, both.findings, both.warnings], ["every entry", [], []]);
  const check = await json(0, ["register", "check", "--earlier-journal-key", path("journal.key")], now);
  assert.equal([check.right, check.unchecked, check.warnings], [true, 0, []]);
  assert.match(
    await run(6, ["register", "rekey", "--new-journal-key", path("j-2.key")], now),
    "has this journal key already",
  );
  await run(0, ["register", "backup", path("rekeyed.backup")], now);
  await run(0, ["journal", "head", path("late.json")], now);
  const since = ["--nothing-since", "--head", path("late.json")];
  const restored = { ...now, DSC_REGISTER: path("rekeyed-2.db") };
  await run(0, ["register", "restore", path("rekeyed.backup"), ...since], restored);
  await run(0, ["register", "check", "--head", path("early.json")], restored);
});

test("clock --accept ends a wrong date in the future", async () => {
  const three = { ...ENV, DSC_REGISTER: path("three.db") };
  await run(0, ["register", "init"], three);
  const engine = await openEngine(path("three.db"));
  const future = Buffer.from(String(Date.now() + 3_600_000));
  await engine.write((db) => db.updateTable("meta").set({ value: future }).where("name", "=", "clock").execute());
  await engine.close();
  assert.match(await run(6, ["settings", "serial.first", "IB3000600"], three), "dsc register clock --accept");
  await run(0, ["register", "clock", "--accept"], three);
  await run(0, ["settings", "serial.first", "IB3000600"], three);
  assert.match(await run(0, ["journal", "show"], three), "register clock");
  await run(0, ["register", "check"], three);
});

packageTest(test, NO_POSTGRES, "a register moves from a file to a server and back", async () => {
  const four = { ...ENV, DSC_REGISTER: path("four.db") };
  await run(0, ["register", "init"], four);
  await run(0, ["settings", "serial.first", "IB3000900"], four);
  await run(0, ["register", "backup", path("four.backup")], four);
  const server = await postgres();
  const onServer = { ...ENV, DSC_REGISTER: await server.schema() };
  await run(6, ["register", "check"], onServer);
  await run(0, ["register", "restore", path("four.backup"), "--nothing-since"], onServer);
  await run(0, ["register", "migrate"], onServer);
  await run(0, ["register", "check"], onServer);
  await run(0, ["settings", "serial.first", "IB3000901"], onServer);
  await run(0, ["register", "backup", path("five.backup")], onServer);
  const five = { ...ENV, DSC_REGISTER: path("five.db") };
  await run(0, ["register", "restore", path("five.backup"), "--nothing-since"], five);
  assert.is(await run(0, ["settings", "serial.first"], five), "IB3000901");
  await run(0, ["register", "check"], five);
  for (const kind of KEYS) assert.not.match(server.log, digits(kind), "a key is in the server's log");
});

test.run();
