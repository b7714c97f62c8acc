// `dsc personalize` on a register, with a simulated card at the other end of a serial line: with a given serial number, with
// the next one and for an order; its output and exit codes. No secret is printed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import * as assert from "uvu/assert";
import { program } from "../../../host-tools/cli/main.js";
import { currentKeys } from "../../../host-tools/desk/register/keys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { SOON } from "../../support/days.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, newRegister } from "../../support/openregister.js";
import { scratchFolder } from "../../support/scratch.js";
import { SimProcess } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";
import { onStatement } from "../../support/statements.js";

const test = suiteUnless(ON_WINDOWS, "dsc personalize on a register");

test.after(() => SimProcess.killAll());

const FOLDER = scratchFolder();
const REGISTER = join(FOLDER, "desk.db");
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const PIN = "8352";

function put(name: string, contents: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const PIN_FILE = put("pin", `${PIN}\n`);
const TRANSPORT = put("transport.key", "00112233445566778899aabbccddeeff\n");
const OTHER = put("other.key", "ffeeddccbbaa99887766554433221100\n");
const OPEN = [
  ...["--register", REGISTER],
  ...(["site", "desk", "journal"] as const).flatMap((kind) => [
    `--${kind}-key`,
    put(`${kind}.key`, KEYS[kind].toString("hex")),
  ]),
];

test.before(async () => {
  await (await newRegister(REGISTER)).close();
});

const DESK = OPEN.filter((_, at) => at < 4 || at > 5);

/** The statements that change something. */
let writes: string[] = [];
onStatement((text) => {
  if (/^(insert|update|delete) /i.test(text)) writes.push(text);
});

const printed: string[] = [];

/** Runs dsc. Returns what it printed: the result, or the one line of an error. */
async function run(code: number, ...args: readonly string[]): Promise<string> {
  const ended = await dscHere(args);
  assert.is(ended.code, code, `${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  if (code > 1) assert.match(ended.stderr, /^(warning: .*\n)*dsc: .+\n$/);
  printed.push(ended.stdout, ended.stderr);
  return ended.stdout + ended.stderr;
}

const seeding = (sim: SimProcess, ...more: readonly string[]) =>
  ["personalize", "--port", sim.port, ...OPEN, "--transport", TRANSPORT].concat(more);

/** All rows of the register but its clock, which a refused claim moves on. */
async function contents(): Promise<unknown> {
  const engine = await openEngine(REGISTER);
  const tables = ["cards", "keys", "claims", "orders", "batches", "batch_rows", "approvals", "journal"] as const;
  const rows: unknown[] = [];
  for (const table of tables) rows.push(await engine.read((db) => db.selectFrom(table).selectAll().execute()));
  await engine.close();
  return rows;
}

async function keysOf(serial: string) {
  const register = await Register.open(await openEngine(REGISTER), { ...KEYS }, "anna");
  const keys = await register.engine.read((db) => currentKeys(db, register, serial));
  await register.close();
  assert.ok(keys, serial);
  return keys;
}

async function assertWorks(sim: SimProcess, serial: string): Promise<void> {
  const { token, unlock } = await keysOf(serial);
  assert.is(await sim.login(PIN, "271828"), ocra(SUITE, token, { challenge: "271828" }));
  for (const secret of [token, unlock, KEYS.site, KEYS.desk, KEYS.journal])
    assert.not(printed.join("").includes(secret.toString("hex")), "a key was printed");
}

test("a card is seeded by its serial number, and a second run has nothing to do", async () => {
  const sim = await SimProcess.start(join(FOLDER, "one"));
  const given = seeding(sim, "--serial", "IB3000123", "--pin-file", PIN_FILE);
  const done = JSON.parse(await run(0, ...given, "--json"));
  assert.equal(
    [done.action, done.serial, done.keyset, done.register, done.state],
    ["seed", "IB3000123", 1, REGISTER, "done"],
  );
  await assertWorks(sim, "IB3000123");
  assert.match(await run(0, ...given), /personalized already.*nothing was done/);
  assert.match(await run(4, ...given, "--transport", OTHER), /check value [0-9a-f]{6}.*nothing was sent/);
  assert.match(await run(0, ...seeding(sim, "--next", "--pin-file", PIN_FILE)), /^IB3000123 is personalized already/);
  const shown = JSON.parse(await run(0, "card", "show", "--serial", "IB3000123", ...OPEN.slice(0, 2), "--json"));
  assert.is(shown.state, "seeded");
});

test("a card is seeded by the next serial number, and by an order with its PIN", async () => {
  const sim = await SimProcess.start(join(FOLDER, "two"));
  await run(0, ...seeding(sim, "--next", "--pin-file", PIN_FILE));
  await assertWorks(sim, "IB3000124");
  await run(0, "order", "add", "--user", "jane", "--pin-file", PIN_FILE, ...DESK);
  const other = await SimProcess.start(join(FOLDER, "three"), "--seed", "7");
  await run(2, ...seeding(other, "--order", "1", "--pin-file", PIN_FILE));
  await run(6, ...seeding(other, "--order", "2"));
  await run(0, ...seeding(other, "--order", "1"));
  await assertWorks(other, "IB3000125");
  const [order] = JSON.parse(await run(0, "order", "list", ...OPEN.slice(0, 2), "--json")).orders;
  assert.equal([order.state, order.serial, order.pin], ["seeded", "IB3000125", "none"]);
});

test("--next run again on the card that it finished says so, and changes nothing", async () => {
  const sim = await SimProcess.start(join(FOLDER, "again"), "--seed", "11");
  const next = seeding(sim, "--next", "--pin-file", PIN_FILE, "--json");
  const { serial } = JSON.parse(await run(0, ...next));
  const before = await contents();
  for (const more of [[], ["--dry-run"]]) {
    const again = JSON.parse(await run(0, ...next, ...more));
    assert.equal([again.action, again.serial], ["nothing", serial]);
  }
  assert.equal(await contents(), before);
  await assertWorks(sim, serial);
  // With the owner it is not a card that this command just finished.
  await run(0, "card", "ship", "--serial", serial, "--arrives", SOON, ...OPEN.slice(0, 2), ...OPEN.slice(-2));
  const refused = await run(5, ...seeding(sim, "--next", "--pin-file", PIN_FILE));
  assert.match(refused, `this card is ${serial}, not IB`);
  assert.match(refused, /put in the card that is meant; only --reseed/);
});

test("with --dry-run and after a refusal no command has written anything", async () => {
  const sim = await SimProcess.start(join(FOLDER, "dry"), "--seed", "12");
  const orders: number[] = [];
  for (const pin of [["--pin-file", PIN_FILE], ["--draw-pin"]])
    orders.push(JSON.parse(await run(0, "order", "add", "--user", "jo", ...pin, ...DESK, "--json")).order);
  const [chosen, drawn] = orders.map((order) => ["--order", String(order)]) as [string[], string[]];
  const before = await contents();
  const written: string[] = [];
  writes = written;
  for (const what of [["--serial", "IB3000777"], ["--next"], chosen])
    await run(0, ...seeding(sim, ...what, "--dry-run"));
  writes = [];
  assert.equal(written, [], "not even a claim that ends with the command");
  for (const more of [["--dry-run"], []])
    assert.match(await run(2, ...seeding(sim, ...drawn, ...more)), /the desk draws its PIN .*seed it with --orders/);
  const other = await SimProcess.start(join(FOLDER, "wrong"), "--demo");
  for (const more of [["--dry-run"], []])
    assert.match(await run(5, ...seeding(other, ...chosen, ...more)), /this card is IB3000001, not IB/);
  await run(3, ...seeding({ port: join(FOLDER, "none") } as SimProcess, ...chosen));
  assert.equal(await contents(), before);
  const { serial } = JSON.parse(await run(0, ...seeding(sim, ...chosen, "--json")));
  await assertWorks(sim, serial);
  await run(0, "register", "check", ...OPEN);
});

test("personalize is the only command with --dry-run", async () => {
  const named = (command: Command): string[] => [
    ...command.commands.flatMap(named),
    ...(command.options.some(({ long }) => long === "--dry-run") ? [command.name()] : []),
  ];
  assert.equal(named(await program(() => {})), ["personalize"], "test another one here, too");
});

test("an order whose PIN the desk draws is refused, because only a batch prints letters", async () => {
  const sim = await SimProcess.start(join(FOLDER, "five"), "--seed", "9");
  const { order } = JSON.parse(await run(0, "order", "add", "--user", "jim", "--draw-pin", ...DESK, "--json"));
  const refused = await run(2, ...seeding(sim, "--order", String(order)));
  assert.match(refused, /the desk draws its PIN and prints it in a letter; seed it with --orders/);
});

test("exactly one of --serial, --next and --order is needed", async () => {
  const sim = await SimProcess.start(join(FOLDER, "four"));
  const bare = ["personalize", "--port", sim.port];
  assert.match(await run(2, ...bare, ...OPEN), /one of --serial, --next and --order/);
  assert.match(await run(2, ...bare, ...OPEN, "--serial", "IB3000001", "--next"), /one of --serial/);
});

test.run();
