// `dsc` with keys in a PKCS#11 token (SoftHSM): the same cards and journal as with key files; keys move from files into
// a token and back; a token that is pulled out, or has another PIN or label, gives one line and leaves nothing half done.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type Cryptoki, loadCryptoki } from "../../../host-tools/desk/custody/cryptoki.js";
import { TRANSPORT_USE } from "../../../host-tools/desk/custody/keyuses.js";
import { findSlot } from "../../../host-tools/desk/custody/slots.js";
import { parseTokenUri } from "../../../host-tools/desk/custody/uri.js";
import type { Card } from "../../../sim/core/card.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { blankCard } from "../../support/cards.js";
import { dscHere } from "../../support/dschere.js";
import { pattern } from "../../support/pattern.js";
import { Slot } from "../../support/rack.js";
import { scratchFolder } from "../../support/scratch.js";
import { DSC as DSC_PROGRAM, SimProcess } from "../../support/simprocess.js";
import { packageTest } from "../../support/skipping.js";
import { importKey, MODULE, NO_PKCS11JS, NO_SOFTHSM, SoftTokens, TOKEN_PIN } from "../../support/softhsm.js";
import { skip, suite } from "../../support/suite.js";
import { TerminalProgram } from "../../support/terminal.js";

const inner = suite("dsc with keys in a token");
const test = (name: string, body: () => Promise<void>) =>
  packageTest(inner, NO_SOFTHSM, name, NO_PKCS11JS === undefined ? body : () => skip(NO_PKCS11JS ?? ""));

inner.after(() => SimProcess.killAll());

const FOLDER = scratchFolder();
const path = (name: string) => join(FOLDER, name);
const WRONG_PIN = "2718-wrong";
const MASTER = pattern(16, 21);
const CARD_PIN = "8352";
/** The number of places in a seeding where the token is taken out. */
const TAKEN_OUT = 6;

const soft = NO_SOFTHSM === undefined ? new SoftTokens() : undefined;
soft?.add("desk");
const tokens = () => soft as SoftTokens;

function put(name: string, contents: string): string {
  writeFileSync(path(name), `${contents}\n`, { mode: 0o600 });
  return path(name);
}

const uri = (object: string, token = "desk") => `pkcs11:token=${token};object=${object}`;

const DSC = /^(DSC_|PKCS11_)/;
const CLEAN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !DSC.test(name)));
const ENV: NodeJS.ProcessEnv = {
  ...CLEAN,
  PKCS11_MODULE_PATH: MODULE,
  DSC_PKCS11_PIN_FILE: put("token.pin", TOKEN_PIN),
  DSC_OPERATOR: "anna",
};
/** A register whose keys are in the token. */
const HELD = { ...ENV, DSC_REGISTER: path("held.db"), ...keysAt(uri("site"), uri("desk"), uri("journal")) };
/** One whose keys are in files. */
const FILES = { ...ENV, DSC_REGISTER: path("files.db"), ...keysAt(path("site.key"), path("desk.key"), path("j.key")) };

function keysAt(site: string, desk: string, journal: string) {
  return { DSC_SITE_KEY: site, DSC_DESK_KEY: desk, DSC_JOURNAL_KEY: journal };
}

/** Runs dsc. Returns what it printed: the result, or the one line of an error. No PIN is ever in it. */
async function run(code: number, env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> {
  const { code: given, stdout, stderr } = await dscHere(args, "", env);
  assert.is(given, code, `${args.join(" ")}: ${stdout}${stderr}`);
  if (code > 1) assert.match(stderr, /^(warning: .*\n)*dsc: .+\n$/);
  for (const pin of [TOKEN_PIN, WRONG_PIN]) assert.not.ok(`${stdout}${stderr}`.includes(pin), "a PIN was printed");
  return stdout + stderr;
}

async function json(env: NodeJS.ProcessEnv, ...args: readonly string[]) {
  return JSON.parse(await run(0, env, ...args, "--json"));
}

/** Asserts that a check finds nothing, and that it opened this many keys. */
async function assertRight(env: NodeJS.ProcessEnv, opened: number): Promise<void> {
  const report = await json(env, "register", "check");
  assert.equal([report.findings, report.opened, report.notGiven], [[], opened, []]);
}

/** The bytes of a register on disk, with those that SQLite has not moved into the file yet. */
function contentsOf(where: string): Buffer {
  return Buffer.concat([where, `${where}-wal`].filter(existsSync).map((file) => readFileSync(file)));
}

/** A key with known bytes in the token, and in a file. */
async function putMaster(): Promise<string> {
  const cryptoki = await loadCryptoki(MODULE);
  const session = cryptoki.C_OpenSession(findSlot(cryptoki, parseTokenUri(uri("any"))), 6);
  cryptoki.C_Login(session, 1, TOKEN_PIN);
  importKey(cryptoki, session, "master", TRANSPORT_USE, MASTER);
  cryptoki.C_Finalize();
  cryptoki.close();
  return put("master.key", MASTER.toString("hex"));
}

test("with keys in files the PKCS#11 package is not loaded", async () => {
  await run(0, FILES, "register", "init");
  await run(0, FILES, "register", "check");
  await run(0, FILES, "keys", "new", path("t.key"));
  await run(0, FILES, "keys", "show", path("t.key"));
  const loaded = Object.keys(createRequire(import.meta.url).cache).filter((name) => name.includes("pkcs11js"));
  assert.equal(loaded, []);
});

test("init makes the keys in the token, and uses existing ones", async () => {
  const { drawn } = await json(HELD, "register", "init");
  assert.equal(drawn, [uri("site"), uri("desk"), uri("journal")]);
  assert.is(tokens().keyFiles.length, 3);
  await run(0, { ...HELD, DSC_REGISTER: path("second.db") }, "register", "init");
  assert.is(tokens().keyFiles.length, 3);
  await assertRight(HELD, 0);
  assert.match(await run(0, HELD, "journal", "verify"), "every entry");
  await run(0, HELD, "journal", "head", path("head.json"));
  assert.match(await run(0, HELD, "journal", "verify", "--head", path("head.json")), "every entry");
});

test("two registers under one token's keys do not open each other's keys", async () => {
  const second = { ...HELD, DSC_REGISTER: path("second.db") };
  await assertRight(second, 0);
  const { openEngine } = await import("../../../host-tools/desk/register/open.js");
  const engine = await openEngine(path("second.db"));
  const other = await openEngine(path("held.db"));
  const row = await other.read((db) =>
    db.selectFrom("meta").selectAll().where("name", "=", "desk-key-wrapped").executeTakeFirstOrThrow(),
  );
  await engine.write((db) =>
    db.updateTable("meta").set({ value: row.value }).where("name", "=", "desk-key-wrapped").execute(),
  );
  await other.close();
  await engine.close();
  assert.match(await run(6, second, "register", "check"), "is not the key that holds its desk key");
});

test("a master key has the same check value and seeds the same card in a file and in a token", async () => {
  const file = await putMaster();
  const [held, read] = [await json(ENV, "keys", "show", uri("master")), await json(ENV, "keys", "show", file)];
  assert.is(held.checkValue, read.checkValue);
  assert.match(await run(2, ENV, "keys", "show", uri("master"), "--fingerprint"), "cannot leave its token");
  const pin = ["--pin-file", put("card.pin", CARD_PIN)];
  const sim = await SimProcess.start(path("card"));
  const trace = path("trace");
  const seeding = ["personalize", "--port", sim.port, "--serial", "IB3000123", "--trace", trace, ...pin];
  await run(0, HELD, ...seeding, "--transport", uri("master"));
  assert.not.ok(readFileSync(trace).includes(TOKEN_PIN));
  await assertRight(HELD, 4);
  // The file's key can wipe a card that was seeded with the token's key, so the card has the same keys.
  await run(0, ENV, "wipe", "--port", sim.port, "--transport", file, "--yes");
});

test("a register's keys move from files into the token, and back", async () => {
  const desk = [0, FILES, "order", "add", "--user", "jane", "--pin-file", put("jane.pin", CARD_PIN)] as const;
  await run(...desk);
  const into = ["--new-site-key", uri("site2"), "--new-desk-key", uri("desk2"), "--new-journal-key", uri("j2")];
  const { drawn } = await json(FILES, "register", "rekey", ...into);
  assert.equal(drawn, [uri("site2"), uri("desk2"), uri("j2")]);
  const moved = { ...FILES, ...keysAt(uri("site2"), uri("desk2"), uri("j2")) };
  await assertRight(moved, 0);
  assert.match(await run(0, moved, "journal", "verify", "--earlier-journal-key", path("j.key")), "every entry");
  assert.match(await run(6, FILES, "register", "check"), "is held by a token");
  const keys = ["site", "desk", "j"].map((name) => path(`${name}3.key`)) as [string, string, string];
  const out = ["--new-site-key", keys[0], "--new-desk-key", keys[1], "--new-journal-key", keys[2]];
  await run(0, moved, "register", "rekey", ...out);
  const back = { ...FILES, ...keysAt(...keys) };
  await assertRight(back, 0);
  assert.match(await run(6, moved, "register", "check"), "its site key is in a file");
  const earlier = ["--earlier-journal-key", path("j.key"), uri("j2")];
  assert.match(await run(0, back, "journal", "verify", ...earlier), "every entry");
});

test("a backup of a register with keys in a token opens with the token", async () => {
  await run(0, HELD, "register", "backup", path("backup"));
  const restored = { ...HELD, DSC_REGISTER: path("restored.db") };
  await run(0, restored, "register", "restore", path("backup"), "--nothing-since");
  await assertRight(restored, 4);
});

test("a wrong PIN, from the URI's file or from the environment's, ends the command with exit code 4", async () => {
  const wrong = put("wrong.pin", WRONG_PIN);
  const before = contentsOf(path("held.db"));
  assert.match(await run(4, { ...HELD, DSC_PKCS11_PIN_FILE: wrong }, "register", "check"), "CKR_PIN_INCORRECT");
  assert.match(await run(4, ENV, "keys", "show", `${uri("master")}?pin-source=file:${wrong}`), "tried once");
  await run(4, ENV, "keys", "new", `${uri("new")}?pin-source=file:${wrong}`);
  const inJson = ["keys", "show", `${uri("master")}?pin-source=file:${wrong}`, "--json"];
  assert.is(JSON.parse((await dscHere(inJson, "", ENV)).stdout).error.kind, "token-pin");
  assert.equal(contentsOf(path("held.db")), before);
  const { DSC_PKCS11_PIN_FILE: right, ...without } = ENV;
  await run(0, without, "keys", "show", `${uri("master")}?pin-source=${right}`);
  await run(0, without, "keys", "show", `${uri("master")}?pin-source=file://${right}&module-path=${MODULE}`);
  assert.match(await run(2, without, "keys", "show", uri("master")), "pin-source");
  assert.match(
    await run(2, without, "keys", "show", `${uri("master")}?pin-source=|cat`),
    "programs are not run for a PIN",
  );
  assert.match(await run(2, ENV, "keys", "show", `${uri("master")}?pin-value=${TOKEN_PIN}`), "must not contain a PIN");
});

test("an unknown label, a missing key and a key of another kind end with exit code 6, and make nothing", async () => {
  const keys = tokens().keyFiles.length;
  assert.match(await run(6, ENV, "keys", "show", uri("master", "till")), 'present: token "desk"');
  assert.match(await run(6, ENV, "keys", "show", uri("nothing")), "no such key");
  assert.match(await run(6, ENV, "keys", "show", uri("site")), "a transport master key has 128 bits");
  assert.match(await run(6, { ...HELD, DSC_DESK_KEY: uri("none") }, "register", "check"), "no such key");
  assert.match(await run(6, { ...HELD, DSC_DESK_KEY: uri("site") }, "register", "check"), "is not the key that holds");
  assert.match(await run(6, ENV, "keys", "new", uri("master")), "exists already");
  const { PKCS11_MODULE_PATH: _, ...without } = ENV;
  assert.match(await run(6, without, "keys", "show", uri("master")), "PKCS11_MODULE_PATH");
  const gone = { ...ENV, PKCS11_MODULE_PATH: path("gone.so") };
  const { error } = JSON.parse((await dscHere(["keys", "show", uri("master"), "--json"], "", gone)).stdout);
  assert.equal([error.code, error.kind], [6, "token"]);
  assert.is(tokens().keyFiles.length, keys);
});

test("without its token a register is not changed, and with the token back the work continues", async () => {
  const before = contentsOf(path("held.db"));
  tokens().takeOut();
  try {
    const fresh = { ...HELD, DSC_REGISTER: path("fresh.db") };
    await run(6, fresh, "register", "init");
    for (const args of [
      ["register", "check"],
      ["register", "rekey", "--new-site-key", uri("site9")],
    ])
      assert.match(await run(6, HELD, ...args), /no such token|module does not start/);
  } finally {
    tokens().putBack();
  }
  assert.equal(contentsOf(path("held.db")), before);
  await assertRight(HELD, 4);
  await run(0, { ...HELD, DSC_REGISTER: path("fresh.db") }, "register", "init");
});

test("a token that is removed between two journal entries leaves nothing of the second", async () => {
  const { openEngine } = await import("../../../host-tools/desk/register/open.js");
  const { Register } = await import("../../../host-tools/desk/register/register.js");
  const { change } = await import("../../../host-tools/desk/register/change.js");
  const { Tokens } = await import("../../../host-tools/desk/custody/tokens.js");
  const { TokenMac } = await import("../../../host-tools/desk/custody/tokenkeys.js");
  const { MAC_USE } = await import("../../../host-tools/desk/custody/keyuses.js");
  const { giving } = await import("../../support/softhsm.js");
  const opened = new Tokens();
  const at = parseTokenUri(uri("journal"));
  const journal = new TokenMac((await opened.tokenOf(at, MODULE, giving())).key(at, MAC_USE));
  const register = await Register.open(await openEngine(path("held.db")), { journal }, "anna");
  const ship = (number: number) =>
    change(register, async (one) => {
      const setting = { name: "letter.language", value: `${number}`, changed: one.at };
      await one.db
        .insertInto("settings")
        .values(setting)
        .onConflict((conflict) => conflict.column("name").doUpdateSet(setting))
        .execute();
      await one.note({ action: `test ${number}` });
    });
  try {
    await ship(1);
    tokens().takeOut();
    let message = "";
    await ship(2).catch((error: Error) => {
      message = error.message;
    });
    tokens().putBack();
    assert.match(message, "put the token back");
    const settings = await register.engine.read((db) => db.selectFrom("settings").selectAll().execute());
    assert.equal(
      settings.map(({ value }) => value),
      ["1"],
    );
  } finally {
    await register.close();
    opened.close();
  }
  const { entries } = await json(HELD, "journal", "show", "--last", "1");
  assert.is(entries[0].action, "test 1");
  assert.match(await run(0, HELD, "journal", "verify"), "every entry");
});

test("an operator's key is made in the token, and signs there", async () => {
  const desk = { ...FILES, DSC_REGISTER: path("operated.db") };
  await run(0, desk, "register", "init");
  const { publicKey } = await json(ENV, "operator", "new", uri("anna"));
  assert.match(publicKey, /^[0-9a-f]{64}$/);
  assert.match(await run(6, ENV, "operator", "new", uri("anna")), "exists already");
  assert.match(await run(2, ENV, "operator", "new", uri("boris"), "--passphrase"), "a token has its PIN");
  const anna = { ...desk, DSC_OPERATOR_KEY: uri("anna") };
  await run(0, anna, "operator", "add", "anna");
  await run(0, anna, "settings", "serial.first", "IB3000500");
  assert.match(await run(6, desk, "settings", "serial.first", "IB3000600"), "the key of operator anna is needed");
  for (const [key, says] of [
    [uri("journal"), "no such key"],
    [`${uri("anna")};type=secret-key`, "does not fit this use; give type=private"],
  ] as const)
    assert.match(
      await run(
        says === "no such key" ? 6 : 2,
        { ...desk, DSC_OPERATOR_KEY: key },
        "settings",
        "serial.first",
        "IB3000600",
      ),
      says,
    );
  assert.match(await run(0, desk, "journal", "verify"), "every entry");
  tokens().takeOut();
  try {
    await run(6, anna, "settings", "serial.first", "IB3000600");
  } finally {
    tokens().putBack();
  }
  assert.match(await run(0, desk, "settings", "serial.first"), "IB3000500");
});

/** Calls `before` ahead of each signature and MAC by a token. Returns a function that ends this. */
function beforeSigning(before: () => void): () => void {
  const { PKCS11 } = createRequire(import.meta.url)("pkcs11js") as { PKCS11: { prototype: Cryptoki } };
  const { prototype } = PKCS11;
  const { C_SignInit: own } = prototype;
  prototype.C_SignInit = function (this: Cryptoki, ...given) {
    before();
    return own.apply(this, given);
  };
  return () => {
    prototype.C_SignInit = own;
  };
}

test("after a token is removed during a seeding and put back, the same command finishes the card", async () => {
  const slot = new Slot();
  const line = new PtyLine(slot as unknown as Card, path("bench"));
  const pin = put("slot.pin", CARD_PIN);
  const next = ["personalize", "--port", path("bench"), "--next", "--pin-file", pin, "--transport", uri("master")];
  let signed = 0;
  try {
    slot.put(blankCard({ seed: 4000 }));
    const endCounting = beforeSigning(() => void signed++);
    await run(0, HELD, ...next);
    endCounting();
    assert.ok(signed > TAKEN_OUT, `${signed}`);
    for (let round = 0; round < TAKEN_OUT; round++) {
      slot.put(blankCard({ seed: 4001 + round }));
      let left = Math.floor((signed * (2 * round + 1)) / (2 * TAKEN_OUT));
      const end = beforeSigning(() => {
        if (left-- === 0) tokens().takeOut();
      });
      const said = await run(6, HELD, ...next);
      end();
      assert.ok(left < 0, "the token was taken out");
      tokens().putBack();
      assert.match(said, "put the token back");
      await run(0, HELD, ...next);
    }
  } finally {
    line.close();
  }
  const { cards } = await json(HELD, "card", "list", "--state", "seeded");
  assert.is(cards.length, 2 + TAKEN_OUT, "each card has one serial number");
  await run(0, HELD, "register", "check");
});

test("a batch derives its cards' keys in the token", async () => {
  const slot = new Slot();
  const line = new PtyLine(slot as unknown as Card, path("batch"));
  try {
    slot.put(blankCard({ seed: 4100 }));
    const list = ["--batch", put("list.csv", "serial,user,suite,pin,pin_check,tries,key\n,jane,,8352,,,")];
    await run(0, HELD, "personalize", "--port", path("batch"), ...list, "--transport", uri("master"));
    await run(0, ENV, "wipe", "--port", path("batch"), "--transport", path("master.key"), "--yes");
  } finally {
    line.close();
  }
});

test("a PIN typed at a terminal is not shown, and is tried once", async () => {
  const show = [DSC_PROGRAM, "keys", "show", `${uri("master")}?module-path=${MODULE}`];
  for (const [typed, code, says] of [
    [["\r", `${TOKEN_PIN}\r`], 0, /^[0-9A-F]{6}\r$/m],
    [[`${WRONG_PIN}\r`], 4, / token "desk": the token rejected the PIN, which was tried once; check it/],
    [["\x03"], 130, /interrupted/],
  ] as const) {
    const person = new TerminalProgram(show, 200);
    for (const [at, keys] of typed.entries()) {
      await person.until(at === 0 ? /PIN of token "desk":$/m : /It must not be empty\.\n+PIN of token "desk":$/m);
      person.send(keys);
    }
    assert.is(await person.exit, code, person.raw);
    assert.match(person.raw, says);
    for (const pin of [TOKEN_PIN, WRONG_PIN]) assert.not.ok(person.raw.includes(pin), "a PIN was shown");
    assert.is(person.raw.split("PIN of token").length - 1, typed.length, "asked for so often");
  }
});

inner.run();
