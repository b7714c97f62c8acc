// `dsc personalize --batch` and `--orders`, and `dsc batch`, with simulated cards on serial lines: what they print, their exit
// codes, and what is refused before a card is touched. No PIN or key is printed.

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { hintFor } from "../../../host-tools/cli/commands/personalizebatch.js";
import { closeBatch, openFileBatch, rowsOf } from "../../../host-tools/desk/register/batches.js";
import { openRowPin } from "../../../host-tools/desk/register/batchrows.js";
import { currentKeys } from "../../../host-tools/desk/register/keys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import type { Card } from "../../../sim/core/card.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { blankCard, login } from "../../support/cards.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, newRegister, putCard, SUITE } from "../../support/openregister.js";
import { Slot } from "../../support/rack.js";
import { scratchFolder } from "../../support/scratch.js";
import { statusOf } from "../../support/seeding.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "dsc personalize --batch");

const FOLDER = scratchFolder();
const REGISTER = join(FOLDER, "desk.db");
const HEADER = "serial,user,suite,pin,pin_check,tries,key";
const PIN = "8352";

function put(name: string, contents: string | Buffer): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const TRANSPORT = ["--transport", put("transport.key", "00112233445566778899aabbccddeeff\n")];
const OPEN = [
  ...["--register", REGISTER],
  ...(["site", "desk", "journal"] as const).flatMap((kind) => [
    `--${kind}-key`,
    put(`${kind}.key`, KEYS[kind].toString("hex")),
  ]),
];
const IN = OPEN.slice(0, 2);
const DESK = [...IN, ...OPEN.slice(4)];
const JOURNAL = [...IN, ...OPEN.slice(-2)];

/** Cards at the ends of lines. */
const bench = ["a", "b"].map((name, at) => {
  const slot = new Slot();
  const path = join(FOLDER, name);
  return { slot, path, line: new PtyLine(slot as unknown as Card, path), seed: 900 + at };
});
const PORTS = bench.flatMap(({ path }) => ["--port", path]);

test.before(async () => {
  await (await newRegister(REGISTER)).close();
});

test.after(() => {
  for (const { line } of bench) line.close();
});

const printed: string[] = [];

async function run(code: number, ...args: readonly string[]) {
  const ended = await dscHere(args);
  printed.push(ended.stdout, ended.stderr);
  assert.is(ended.code, code, `${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended;
}

/** New cards in all slots. */
function fill(): Card[] {
  return bench.map((place) => {
    place.seed += 10;
    const card = blankCard({ seed: place.seed });
    place.slot.put(card);
    return card;
  });
}

const many = (...more: readonly string[]) => ["personalize", ...OPEN, ...TRANSPORT, ...PORTS, ...more];

/** The JSON that a command printed: the events, and the result. */
function told(stdout: string) {
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { events: lines.slice(0, -1), result: lines.at(-1) };
}

async function opened<T>(use: (register: Register) => Promise<T>): Promise<T> {
  const register = await Register.open(await openEngine(REGISTER), { ...KEYS }, "anna");
  try {
    return await use(register);
  } finally {
    await register.close();
  }
}

/** Asserts that each card works with the key and the PIN in the register. Returns the PINs. */
function assertWork(batch: number, cards: readonly Card[]): Promise<string[]> {
  return opened(async (register) => {
    const rows = await register.engine.read((db) => rowsOf(db, batch));
    const pins: string[] = [];
    for (const card of cards) {
      const { id, serial = "" } = await statusOf(card);
      const row = rows.find(({ card_id }) => card_id === id);
      assert.equal([row?.serial, row?.state], [serial, "done"]);
      if (!row) continue;
      const pin = openRowPin(register, row).toString();
      const keys = await register.engine.read((db) => currentKeys(db, register, serial));
      assert.is(login(card, pin, "271828"), ocra(SUITE, keys?.token as Buffer, { challenge: "271828" }));
      pins.push(pin);
    }
    return pins;
  });
}

/** Two cards of a list, the first with a given serial number. */
const TAKEN = ["IB3000900", undefined].map((serial, at) => ({
  ...({ line: at + 2, serial, suite: SUITE, pinCheck: "card", tries: 5 } as const),
}));

const LIST = put("cards.csv", `${HEADER}\nIB3000123,jane,,${PIN},,,\n,joe,,,,4,\n`);

test("a list gives events in JSON and a report, and is refused a second time", async () => {
  const cards = fill();
  const folder = join(FOLDER, "report");
  const { stdout } = await run(0, ...many("--batch", LIST, "--report", folder, "--json"));
  const { events, result } = told(stdout);
  assert.equal([result.batch, result.done, result.failed, result.pending, result.here], [1, 2, 0, 0, 2]);
  assert.equal(
    events.filter(({ event }) => event === "seeded").map(({ act }) => act),
    [true, true],
  );
  assert.ok(events.some(({ event, step }) => event === "step" && step === "prove"));
  const pins = await assertWork(1, cards);
  assert.ok(pins.includes(PIN));
  const report = JSON.parse(readFileSync(join(folder, "batch-1.json"), "utf8"));
  assert.equal(
    report.cards.map(({ state }: { state: string }) => state),
    ["done", "done"],
  );
  await run(0, "journal", "verify", ...JOURNAL, "--head", join(folder, "batch-1-head.json"));
  assert.match((await run(6, ...many("--batch", LIST))).stderr, /is batch 1, which is finished.*--again/);
  const again = put("again.csv", `${HEADER}\n,jane,,,,,\n`);
  fill();
  await run(0, ...many("--batch", again));
  fill();
  assert.is(told((await run(0, ...many("--batch", again, "--again", "--json"))).stdout).result.batch, 3);
});

test("without a terminal the command prints lines", async () => {
  fill();
  const list = put("two.csv", `${HEADER}\n,a,,,,,\n,b,,,,,\n`);
  const { stdout, stderr } = await run(0, ...many("--batch", list));
  assert.match(stdout, /^batch \d+: 2 of 2 done\n/);
  assert.is(stderr.match(/IB\d{7} is done: TAKE THE CARD OUT/g)?.length, 2, stderr);
  assert.match(stderr, /2 of 2 done/);
  for (const code of ["\x07", "\x1b"]) assert.not.ok(`${stdout}${stderr}`.includes(code), "what only a terminal takes");
});

test("orders are seeded with the chosen PINs, batches are listed and closed", async () => {
  const pin = put("pin", `${PIN}\n`);
  for (const user of ["jane", "jim"]) await run(0, "order", "add", "--user", user, "--pin-file", pin, ...OPEN);
  const cards = fill();
  const [letters, labels] = [join(FOLDER, "letters.pdf"), join(FOLDER, "labels.pdf")];
  const { result } = told((await run(0, ...many("--orders", "--labels", labels, "--json"))).stdout);
  assert.equal([result.done, result.labels], [2, labels]);
  assert.equal(await assertWork(result.batch, cards), [PIN, PIN]);
  assert.match((await run(6, ...many("--orders"))).stderr, /no order is placed/);
  const { batches } = JSON.parse((await run(0, "batch", "list", ...IN, "--json")).stdout);
  assert.equal(
    batches
      .filter(({ source }: { source: string }) => source === "orders")
      .map(({ state, done }: { state: string; done: number }) => [state, done]),
    [["finished", 2]],
  );
  const number = ["--batch", String(result.batch)];
  const shown = JSON.parse((await run(0, "batch", "show", ...IN, ...number, "--json")).stdout).cards;
  assert.equal(
    shown.map(({ pin: kept, state }: { pin: string; state: string }) => [kept, state]),
    [
      ["kept", "done"],
      ["kept", "done"],
    ],
  );
  assert.match(
    (await run(6, "batch", "close", ...JOURNAL, ...number)).stderr,
    /the PINs of 2 done cards are in no letters file/,
  );
  const report = JSON.parse(
    (await run(0, "batch", "report", ...DESK, ...number, "--pin-letters", letters, "--json")).stdout,
  );
  assert.equal([report.done, report.unlettered, report.files.letters], [2, 0, letters]);
  assert.is(statSync(letters).mode & 0o777, 0o600);
  for (const file of [letters, labels]) assert.is(readFileSync(file).subarray(0, 5).toString(), "%PDF-");
  await run(0, "batch", "close", ...JOURNAL, ...number);
  const orders = JSON.parse((await run(0, "order", "list", ...IN, "--json")).stdout).orders;
  assert.ok(
    orders.every(({ state, pin: kept }: { state: string; pin: string }) => state === "seeded" && kept === "none"),
  );
  assert.match(
    (await run(6, "batch", "close", ...JOURNAL, "--batch", "99")).stderr,
    /batch 99: the register has no such batch/,
  );
});

test("a named port that is not there is refused before anything is written", async () => {
  const list = put("ports.csv", `${HEADER}\n,jane,,,,,\n`);
  const before = (await run(0, "batch", "list", ...IN, "--json")).stdout;
  const other = put("no-port", "");
  for (const [port, why] of [
    [join(FOLDER, "nope"), /nope: no such port$/m],
    [other, /no-port: not a serial port$/m],
    ["", /no port given/],
  ] as const) {
    const named = ["personalize", ...OPEN, ...TRANSPORT, "--port", bench[0]?.path ?? "", "--port", port];
    for (const more of [["--batch", list], ["--batch", list, "--dry-run"], ["--orders"]])
      assert.match((await run(3, ...named, ...more)).stderr, why);
  }
  assert.is((await run(0, "batch", "list", ...IN, "--json")).stdout, before);
});

test("an invalid list is an error of one line, and no card is touched", async () => {
  const cards = fill();
  const before = cards.map(({ flash }) => Buffer.from(flash.bytes));
  const bad: readonly [string | Buffer, RegExp][] = [
    [`${HEADER}\n,jane,,9,,,\n`, /line 2, pin:/],
    ["serial,user\n,jane\n", /line 1: the column suite is missing/],
    [Buffer.from(`${HEADER}\n,Jos\u00e9,,,,,\n`, "latin1"), /line 2: is not in UTF-8/],
    [`${HEADER}\nIB3000123,jane,,,,,\n`, /line 2, serial: IB3000123 is seeded in the register/],
  ];
  for (const [contents, expected] of bad) {
    const { stderr } = await run(6, ...many("--batch", put("bad.csv", contents)));
    assert.match(stderr, /^dsc: .+\n$/);
    assert.match(stderr, expected);
  }
  assert.equal(
    cards.map(({ flash }) => Buffer.from(flash.bytes)),
    before,
  );
  const dry = JSON.parse((await run(0, "personalize", "--batch", LIST, "--dry-run", "--json")).stdout);
  assert.equal([dry.cards, dry.given], [2, { serials: 1, pins: 1, keys: 0 }]);
  assert.match(
    (await run(0, "personalize", "--batch", LIST, "--dry-run")).stdout,
    /: 2 cards; it gives 1 serial number, 1 PIN and 0 keys\n$/,
  );
});

test("the hint fits the reason of the failure: a card is put aside only if it is to blame", async () => {
  const list = put("taken.csv", `${HEADER}\nIB3000900,jane,,,,,\n,joe,,,,,\n`);
  await opened((register) =>
    openFileBatch(register, { path: list, contents: readFileSync(list), cards: TAKEN, again: false }),
  );
  await opened((register) => putCard(register, "IB3000900", "active", { card_id: "0123456789abcdef" }));
  fill();
  const { error, failed } = told((await run(1, ...many("--batch", list, "--json"))).stdout).result;
  assert.equal([failed, error.kind], [1, "check"]);
  assert.match(error.hint, /dsc batch show .*--replace/);
  assert.not.match(error.hint, "aside");
  for (const [count, faulty, isAside, isShown] of [
    [1, 1, true, false],
    [2, 1, true, true],
    [1, 0, false, true],
  ] as const) {
    const hint = hintFor(count, faulty);
    assert.equal([hint.includes("aside"), hint.includes("dsc batch show")], [isAside, isShown], hint);
    assert.match(hint, /^[A-Z][^\n]+ with --replace\.$/);
  }
});

test("the hint for an error about a list or a batch does not mention keys or cards", async () => {
  const taken = put("taken2.csv", `${HEADER}\nIB3000123,jane,,,,,\n`);
  const { error } = JSON.parse((await run(6, ...many("--batch", taken, "--json"))).stdout);
  assert.match(error.hint, /^Correct the list/);
  const unknown = JSON.parse((await run(6, "batch", "show", ...IN, "--batch", "99", "--json")).stdout).error;
  assert.match(unknown.hint, /^dsc batch list/);
});

test("options that exclude each other are refused", async () => {
  for (const more of [
    ["--serial", "IB3000001"],
    ["--next"],
    ["--order", "1"],
    ["--reseed"],
    ["--pin-file", LIST],
    ["--orders"],
  ])
    await run(2, ...many("--batch", LIST, ...more));
  await run(2, ...many("--orders", "--again"));
  await run(2, ...many("--batch", "-"));
  await run(2, ...many("--next", "--labels", "x.pdf"));
  await run(2, ...many("--next"));
  await run(6, ...many("--batch", join(FOLDER, "missing.csv")));
  await run(6, ...many("--batch", LIST, "--labels", LIST));
  assert.not.ok(existsSync(join(FOLDER, "x.pdf")));
});

test("a list with PINs that others may read gives a warning", async () => {
  const { chmodSync } = await import("node:fs");
  chmodSync(LIST, 0o644);
  assert.match(
    (await run(0, "personalize", "--batch", LIST, "--dry-run")).stderr,
    /warning: .*others may read it; run chmod 600/,
  );
  assert.is(
    (await run(0, "personalize", "--batch", put("none.csv", `${HEADER}\n,jane,,,,,\n`), "--dry-run")).stderr,
    "",
  );
});

test("no PIN and no key was printed", async () => {
  // Times may have any digits.
  const all = printed.join("").replace(/"timeLeft":\d+/g, "");
  assert.ok(all.length > 1000);
  assert.not.ok(new RegExp(`(?<![0-9a-f])${PIN}(?![0-9a-f])`).test(all), "a PIN was printed");
  for (const key of Object.values(KEYS)) assert.not.ok(all.includes(key.toString("hex")));
  await opened(async (register) => {
    const open = await register.engine.read((db) =>
      db.selectFrom("batches").select("number").where("state", "=", "open").execute(),
    );
    for (const { number } of open) await closeBatch(register, number, { unfinished: true, withoutLetters: true });
  });
});

test.run();
