// `dsc check` as people and scripts call it, with a simulated card at the other end of a serial line: its output and exit
// codes. And a card that is damaged at the desk: its order is placed again, and another card is made for it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { SOON } from "../../support/days.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, newRegister } from "../../support/openregister.js";
import { scratchFolder } from "../../support/scratch.js";
import { SimProcess } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "dsc check");

test.after(() => SimProcess.killAll());

const FOLDER = scratchFolder();
const REGISTER = join(FOLDER, "desk.db");
const SERIAL = "IB3000123";

function put(name: string, contents: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const PIN_FILE = put("pin", "8352\n");
const TRANSPORT = put("transport.key", "00112233445566778899aabbccddeeff\n");
const OTHER = put("other.key", "ffeeddccbbaa99887766554433221100\n");
const IN = ["--register", REGISTER];
const KEY_FILES = (["site", "desk", "journal"] as const).flatMap((kind) => [
  `--${kind}-key`,
  put(`${kind}.key`, KEYS[kind].toString("hex")),
]);
const OPEN = [...IN, ...KEY_FILES];
const JOURNAL = [...IN, ...KEY_FILES.slice(4)];

test.before(async () => {
  await (await newRegister(REGISTER)).close();
});

/** Runs dsc. Returns what it printed; an error is one line. */
async function run(code: number, ...args: readonly string[]): Promise<string> {
  const ended = await dscHere(args);
  assert.is(ended.code, code, `${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  if (code > 1) assert.match(ended.stderr, /^(warning: .*\n)*dsc: .+\n$/);
  return ended.stdout + ended.stderr;
}

const json = async (code: number, ...args: readonly string[]) => JSON.parse(await run(code, ...args, "--json"));

const seeding = (sim: SimProcess, ...more: readonly string[]) =>
  ["personalize", "--port", sim.port, ...OPEN, "--transport", TRANSPORT].concat(more);

test("check compares the register's card, one that differs, one with other keys and an unknown one", async () => {
  const sim = await SimProcess.start(join(FOLDER, "one"));
  await run(0, ...seeding(sim, "--serial", SERIAL, "--pin-file", PIN_FILE));
  const check = ["check", "--port", sim.port, ...IN];
  const good = await run(0, ...check, "--transport", TRANSPORT);
  assert.match(good, /it is the card that the register has as IB3000123\n$/);
  const told = await json(0, ...check, "--transport", TRANSPORT);
  const { port, serial, state, right, differences, transportKeys, keyset, tokenKey, pinCheck, tries, warnings } = told;
  assert.equal(
    { port, serial, state, right, differences, transportKeys, keyset, tokenKey, pinCheck, tries, warnings },
    {
      ...{ port: sim.port, serial: SERIAL, state: "seeded", right: true, differences: [], transportKeys: "own" },
      ...{ keyset: 1, tokenKey: "not checked", pinCheck: "card", tries: 5, warnings: [] },
    },
  );
  assert.match(told.cardId, /^[0-9a-f]{16}$/);
  assert.match(told.firmware.hash, /^[0-9a-f]{16}$/);

  assert.match(await run(2, ...check), "--transport");
  assert.match(await run(4, ...check, "--transport", OTHER), /check value .*nothing was sent/);

  const engine = await openEngine(REGISTER);
  await engine.write((db) => db.updateTable("cards").set({ tries: 4 }).where("serial", "=", SERIAL).execute());
  await engine.close();
  const differing = await run(1, ...check, "--transport", TRANSPORT);
  assert.match(differing, /^tries: the register has 4, the card says 5; .*--reseed.*$/m);
  assert.match(differing, /it differs from what the register has for IB3000123\n$/);
  const wrong = await json(1, ...check, "--transport", TRANSPORT);
  assert.equal([wrong.right, wrong.differences[0].what, wrong.error], [false, "tries", undefined]);

  const blank = await SimProcess.start(join(FOLDER, "blank"), "--seed", "9");
  const unknown = await run(6, "check", "--port", blank.port, ...IN, "--transport", TRANSPORT);
  assert.match(unknown, /desk\.db: this card is blank and not in the register \(id [0-9a-f]{16}\); nothing was sent/);
  const demo = await SimProcess.start(join(FOLDER, "demo"), "--demo");
  assert.match(await run(6, "check", "--port", demo.port, ...IN), /has no card IB3000001/);
  for (const each of [sim, blank, demo]) await each.stop();
});

test("the order of a card that is damaged after seeding is placed again and seeded anew", async () => {
  const first = await SimProcess.start(join(FOLDER, "first"), "--seed", "21");
  await run(0, "order", "add", "--user", "jane", "--pin-file", PIN_FILE, ...OPEN);
  const { serial: damaged } = await json(0, ...seeding(first, "--order", "1"));
  await run(2, "order", "add", "--again", "1", "--user", "jane", ...OPEN);
  await run(2, "order", "add", "--again", "1", "--tries", "4", ...OPEN);
  await run(6, "order", "add", "--again", "2", "--pin-file", PIN_FILE, ...OPEN);
  const again = ["order", "add", "--again", "1", "--reason", "its screen is broken", "--pin-file", PIN_FILE];
  assert.match(await run(0, ...again, ...OPEN), /^order 1 is placed again\n$/);
  assert.match(await run(6, ...again, ...OPEN), /order 1 is placed: it cannot be placed again/);
  const about = ["--serial", damaged];
  assert.is((await json(0, "card", "show", ...about, ...IN)).state, "retired");
  await run(2, "challenge", ...about, ...OPEN);
  assert.match((await json(0, "check", "--port", first.port, ...IN, "--transport", TRANSPORT)).warnings[0], "retired");
  const second = await SimProcess.start(join(FOLDER, "second"), "--seed", "22");
  const { serial } = await json(0, ...seeding(second, "--order", "1"));
  assert.is.not(serial, damaged);
  await run(0, "card", "ship", "--serial", serial, "--arrives", SOON, ...JOURNAL);
  const { orders } = await json(0, "order", "list", ...IN);
  assert.equal([orders[0].state, orders[0].serial, orders[0].pin], ["shipped", serial, "none"]);
  assert.match(await run(6, ...again, ...OPEN), /order 1 is shipped: it cannot be placed again/);
  await run(0, "register", "check", ...OPEN);
  for (const each of [first, second]) await each.stop();
});

test("a card that is reseeded after it was shipped can be shipped again", async () => {
  const sim = await SimProcess.start(join(FOLDER, "again"), "--seed", "23");
  await run(0, "order", "add", "--user", "john", "--pin-file", PIN_FILE, ...OPEN);
  const { serial } = await json(0, ...seeding(sim, "--order", "2"));
  const ship = ["card", "ship", "--serial", serial, "--arrives", SOON, ...JOURNAL];
  await run(0, ...ship);
  await run(0, ...seeding(sim, "--serial", serial, "--reseed", "--pin-file", PIN_FILE));
  await run(0, ...ship);
  const shown = await json(0, "card", "show", "--serial", serial, ...IN);
  assert.equal([shown.state, shown.user, shown.order], ["shipped", "john", 2]);
  await sim.stop();
});

test.run();
