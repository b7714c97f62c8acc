// `dsc card`, `dsc order`, `dsc journal`, `dsc challenge` and `dsc verify` on a register: one card from its order to
// its end. None of its secrets is printed or kept in the clear.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { change } from "../../../host-tools/desk/register/change.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { SOON } from "../../support/days.js";
import { dscFirstAlone } from "../../support/dschere.js";
import { KEYS, keysFor, newRegister, putCard, SUITE } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { suite } from "../../support/suite.js";

const test = suite("dsc on a register");

const FOLDER = scratchFolder();
const SECRETS = scratchFolder();
const SERIAL = "IB3000123";
const TOKEN = pattern(32, 77);
const PIN = "8352";
const REGISTER = join(FOLDER, "desk.db");

function secret(name: string, contents: string): string {
  const path = join(SECRETS, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const ENV = {
  DSC_REGISTER: REGISTER,
  DSC_OPERATOR: "anna",
  DSC_SITE_KEY: secret("site.key", KEYS.site.toString("hex")),
  DSC_DESK_KEY: secret("desk.key", KEYS.desk.toString("hex")),
  DSC_JOURNAL_KEY: secret("journal.key", KEYS.journal.toString("hex")),
};
const PIN_FILE = secret("pin", `${PIN}\n`);

const dsc = dscFirstAlone();

/** Everything that was printed. */
let printed = "";

async function run(code: number, ...args: string[]): Promise<string> {
  const ended = await dsc(args, ENV);
  printed += ended.stdout + ended.stderr;
  assert.is(ended.code, code, `${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout.trim() || ended.stderr.trim();
}

const about = ["--serial", SERIAL];
const challenge = () => run(0, "challenge", ...about);
const right = (digits: string) => ocra(SUITE, TOKEN, { challenge: digits });
const answering = (digits: string) => [...about, "--challenge", digits, "--response", right(digits)];
const stateOf = async () => (JSON.parse(await run(0, "card", "show", ...about, "--json")) as { state: string }).state;

test.before(async () => {
  const register = await newRegister(REGISTER);
  await putCard(register, SERIAL, "seeded");
  await change(register, (each) => bindKeys(each, { serial: SERIAL, cardId: "00112233445566aa", ...keysFor(TOKEN) }));
  await register.close();
});

test("an order is added, listed without its PIN, and cancelled once", async () => {
  assert.is(await run(0, "order", "add", "--user", 'j "joe" doe', "--pin-file", PIN_FILE), "order 1 is placed");
  const [names, row] = (await run(0, "order", "list", "--csv")).split("\r\n");
  assert.is(names, "order,user,state,serial,suite,pinCheck,tries,pin,placed,changed");
  assert.match(row ?? "", /^1,"j ""joe"" doe",placed,,OCRA-1:HOTP-SHA256-8:QN06,card,5,encrypted,20/);
  assert.is(await run(0, "order", "cancel", "--order", "1", "--reason", "a mistake"), "order 1 is cancelled");
  assert.match(await run(6, "order", "cancel", "--order", "1"), /order 1 is cancelled: it cannot be cancelled$/);
  const { orders } = JSON.parse(await run(0, "order", "list", "--json")) as { orders: { pin: string }[] };
  assert.equal(
    orders.map(({ pin }) => pin),
    ["none"],
  );
});

test("a challenge is accepted once, and a wrong response spends it", async () => {
  const first = await challenge();
  assert.is(await run(0, "verify", ...answering(first)), "accepted");
  assert.is(await run(1, "verify", ...answering(first)), "refused");
  const second = await challenge();
  const wrong = right(second) === "00000000" ? "00000001" : "00000000";
  assert.is(await run(1, "verify", ...about, "--challenge", second, "--response", wrong), "refused");
  assert.is(await run(1, "verify", ...answering(second)), "refused");
  assert.is(await run(1, "verify", ...answering("123457")), "refused");
});

test("a text that has not the form of a response spends no challenge", async () => {
  const digits = await challenge();
  await run(2, "verify", ...about, "--challenge", digits, "--response", right(digits).slice(1));
  await run(2, "verify", ...answering(digits), "--pin-file", PIN_FILE);
  assert.is(await run(0, "verify", ...answering(digits)), "accepted");
});

test("a card is shipped, activated by a right response, lost, refused, found and retired", async () => {
  assert.match(await run(6, "card", "lost", ...about), /IB3000123 is seeded: it cannot be reported lost$/);
  assert.match(
    await run(2, "card", "ship", ...about, "--arrives", "2020-01-01"),
    /--arrives: 2020-01-01 is past; today is \d{4}-\d\d-\d\d \(UTC\)$/,
  );
  assert.is(await stateOf(), "seeded");
  assert.is(await run(0, "card", "ship", ...about, "--arrives", SOON), "IB3000123 is shipped");
  const wrong = await challenge();
  assert.match(await run(1, "card", "activate", ...about, "--challenge", wrong, "--response", "00000000"), /^refused/);
  assert.is(await stateOf(), "shipped");
  await run(1, "card", "activate", ...answering(wrong));
  assert.is(await run(0, "card", "activate", ...answering(await challenge())), "IB3000123 is active");
  assert.is(await run(0, "card", "lost", ...about, "--reason", "left in a train"), "IB3000123 is lost");
  assert.is(await run(1, "verify", ...answering(await challenge())), "refused");
  const found = answering(await challenge());
  assert.match(await run(6, "card", "activate", ...found), /is lost: dsc card activate is for a card that is shipped$/);
  assert.is(await run(0, "card", "found", ...found), "IB3000123 is active");
  assert.is(await run(0, "card", "retire", ...about), "IB3000123 is retired");
  assert.match(await run(6, "challenge", ...about), /IB3000123 is retired: it answers no challenge$/);
  const { entries } = JSON.parse(await run(0, "card", "history", ...about, "--json")) as {
    entries: { actor: string; from: string; to: string; reason: string | null }[];
  };
  assert.equal(
    entries.map(({ actor, from, to }) => `${actor}: ${from} ${to}`),
    ["anna: seeded shipped", "anna: shipped active", "anna: active lost", "anna: lost active", "anna: active retired"],
  );
  assert.is(entries[2]?.reason, "left in a train");
});

test("the journal is verified with its key, and without it up to a saved head", async () => {
  const head = join(SECRETS, "head.json");
  await run(0, "journal", "head", head);
  const { publicKey } = JSON.parse(readFileSync(head, "utf8")) as { publicKey: string };
  assert.match(await run(0, "journal", "verify", "--head", head), /^8 entries; checked: every entry$/);
  const { DSC_JOURNAL_KEY: _, ...blind } = ENV;
  const verify = ["journal", "verify", "--head", head, "--head-key"];
  const seen = await dsc([...verify, publicKey], blind);
  // No key was replaced, so there is no warning of earlier keys.
  assert.equal(
    [seen.code, seen.stdout, seen.stderr],
    [0, "8 entries; checked: numbers, operators' signatures and head\n", ""],
  );
  const unkeyed = await dsc(["register", "check"], blind);
  assert.not.match(unkeyed.stderr, "earlier journal key");
  assert.is((await dsc([...verify, "00".repeat(32)], blind)).code, 1);
  const lines = (await run(0, "journal", "show", "--last", "2")).split("\n");
  assert.is(lines.length, 3);
});

test("no secret is in the register's files, its journal or the output", () => {
  const files = readdirSync(FOLDER);
  assert.ok(files.includes("desk.db"));
  const canaries = [TOKEN, KEYS.site, KEYS.desk, KEYS.journal].flatMap((key) => [
    key,
    Buffer.from(key.toString("hex")),
    Buffer.from(key.toString("hex").toUpperCase()),
    Buffer.from(key.toString("base64")),
  ]);
  for (const name of files) {
    const bytes = readFileSync(join(FOLDER, name));
    for (const canary of canaries) assert.not(bytes.includes(canary), name);
  }
  for (const canary of [...canaries.map(String), PIN]) assert.not(printed.includes(canary));
});

test.run();
