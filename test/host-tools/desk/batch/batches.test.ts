// Batches in the register, on both engines: a list is one batch until it is finished, a row belongs to one card, PINs
// are kept until the batch is closed, and a batch with an unprinted PIN cannot be closed.

import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import { type Printer, writeLabels, writeLetters } from "../../../../host-tools/desk/batch/papers.js";
import { reportOf, writeReport } from "../../../../host-tools/desk/batch/report.js";
import type { PinLetter } from "../../../../host-tools/desk/paper/letters.js";
import {
  type BatchRow,
  closeBatch,
  countRows,
  finishBatch,
  openFileBatch,
  openOrdersBatch,
  rowsOf,
  type WantedCard,
} from "../../../../host-tools/desk/register/batches.js";
import {
  failRow,
  finishRow,
  openRowPin,
  type PairedRow,
  type Pairing,
  pairCard,
  replaceCards,
} from "../../../../host-tools/desk/register/batchrows.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { claimantAt, claimCard, LEASE } from "../../../../host-tools/desk/register/claims.js";
import { addOrder, moveOrder, orderOf, placeAgain } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import { isWeakPin } from "../../../../host-tools/desk/weakpin.js";
import { atLeast } from "../../../support/atleast.js";
import { keysFor, onEachEngine, putCard, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { scratchFolder } from "../../../support/scratch.js";
import { suite } from "../../../support/suite.js";

const test = suite("batches");

const PIN = Buffer.from("8352");
const BENCH = claimantAt("one", "a");
const OTHER_BENCH = claimantAt("one", "b");

/** Cards of a list that gives at most their serial numbers. */
function wanted(count: number, more: Partial<WantedCard> = {}): WantedCard[] {
  return Array.from({ length: count }, (_, at) => ({
    line: at + 2,
    suite: SUITE,
    pinCheck: "card",
    tries: 5,
    ...more,
  }));
}

const list = (contents: string, cards: readonly WantedCard[], again = false) => ({
  ...{ path: "cards.csv", contents: Buffer.from(contents), cards, again },
});

const idOf = (number: number) => number.toString(16).padStart(16, "0");
const blank = (number: number) => ({ id: idOf(number), serial: undefined, life: "blank", testKeys: true }) as const;

const pairing = (register: Register, batch: number, card: number, claimant = BENCH, pin?: Buffer) =>
  pairCard(register, blank(card), { batch, claimant, pinOf: () => pin });

function rowIn(found: Pairing): PairedRow {
  assert.is(found.kind, "row", JSON.stringify(found));
  return (found as Extract<Pairing, { kind: "row" }>).row;
}

/** Seeds a row as a bench does with a card that works. */
async function seed(register: Register, row: PairedRow, claimant = BENCH): Promise<void> {
  await bind(register, row, claimant);
  await deskFor(register, row, claimant).setDoneOf(row);
}

function deskFor(register: Register, row: PairedRow, claimant = BENCH) {
  const desk = new SeedingDesk(register, claimant.bench, { ...row, done: (one) => finishRow(one, row, claimant) });
  return {
    desk,
    async setDoneOf({ serial }: PairedRow) {
      await desk.find(serial);
      await desk.setDone(serial);
    },
  };
}

async function bind(register: Register, row: PairedRow, claimant = BENCH): Promise<void> {
  const { desk } = deskFor(register, row, claimant);
  await desk.find(row.serial);
  const { key, ...keys } = keysFor();
  await desk.bind({
    ...{ key: Buffer.from(key), ...keys },
    ...{ serial: row.serial, suite: row.suite, pinCheck: row.pinCheck, tries: row.tries },
    ...{ state: "pending", cardId: row.cardId, lifeBefore: "blank", storeData: "unsent" },
    ...{ keyset: undefined, rotation: undefined, transport: undefined },
  });
}

const rows = (register: Register, batch: number) => register.engine.read((db) => rowsOf(db, batch));
const counts = (register: Register, batch: number) => register.engine.read((db) => countRows(db, batch));

/** Keeps what would be printed. */
class KeptPrinter implements Printer {
  serials: string[] = [];
  letterTexts: string[] = [];

  async labels(cards: readonly { readonly serial: string }[]): Promise<Uint8Array> {
    this.serials = cards.map(({ serial }) => serial);
    return Buffer.from("%PDF-labels");
  }

  async letters(letters: readonly PinLetter[]): Promise<Uint8Array> {
    this.letterTexts = letters.map(({ serial, pin }) => `${serial} ${Buffer.from(pin).toString()}`);
    return Buffer.from("%PDF-letters");
  }
}

onEachEngine(test, "the same list is the same batch at any bench until the batch is finished", async (rig) => {
  const { register } = rig;
  const other = await rig.again();
  const file = list("a", wanted(3));
  const [first, second] = await Promise.all([openFileBatch(register, file), openFileBatch(other, file)]);
  assert.is(first.number, second.number);
  assert.equal([first.resumed, second.resumed].sort(), [false, true]);
  assert.is((await rows(register, first.number)).length, 3);
  assert.is.not((await openFileBatch(register, list("b", wanted(3)))).number, first.number);
  for (let card = 1; card <= 3; card++) await seed(register, rowIn(await pairing(register, first.number, card)));
  assert.is((await openFileBatch(register, file)).number, first.number, "done, and its run has not ended");
  await finishBatch(register, first.number);
  const refused = await refusalOf(openFileBatch(register, file));
  assert.equal([refused.reason, /--again/.test(refused.message)], ["state", true]);
  const again = await openFileBatch(register, list("a", wanted(3), true));
  assert.not.ok([first.number, again.resumed].includes(again.number) || again.resumed);
  assert.is((await openFileBatch(register, file)).number, again.number, "the second run is resumed without saying so");
  assert.is((await openFileBatch(register, list("a", wanted(3), true))).number, again.number);
});

onEachEngine(test, "the name of a batch is not a plain hash of its list", async ({ register }) => {
  const { createHash } = await import("node:crypto");
  await openFileBatch(register, list("secret", wanted(1)));
  const [batch] = await register.engine.read((db) => db.selectFrom("batches").selectAll().execute());
  assert.is(batch?.name.length, 32);
  assert.not.ok(batch?.name.equals(createHash("sha256").update("secret").digest()));
  assert.ok(batch?.name.equals(register.desk.batchName(Buffer.from("secret"))));
});

onEachEngine(test, "a list with a serial number of the register or of another open list is refused", async (rig) => {
  const { register } = rig;
  await putCard(register, "IB3000005", "active");
  const named = (serial: string) => [...wanted(1), { ...(wanted(1)[0] as WantedCard), line: 3, serial }];
  const taken = await refusalOf(openFileBatch(register, list("a", named("IB3000005"))));
  assert.match(taken.message, /^cards\.csv: line 3, serial: IB3000005 is active in the register/);
  const { number } = await openFileBatch(register, list("b", named("IB3000006")));
  assert.match(
    (await refusalOf(openFileBatch(register, list("c", named("IB3000006"))))).message,
    /is already in batch \d+/,
  );
  assert.is((await register.engine.read((db) => db.selectFrom("batches").selectAll().execute())).length, 1);
  await closeBatch(register, number, { unfinished: true, withoutLetters: false });
  await openFileBatch(register, list("c", named("IB3000006")));
});

onEachEngine(test, "each card has one row and one serial number, at any port", async ({ register }) => {
  const cards = [
    ...wanted(1),
    { ...(wanted(1)[0] as WantedCard), line: 3, serial: "IB3000009" },
    ...wanted(1, { line: 4 }),
  ];
  const { number } = await openFileBatch(register, list("a", cards));
  const pairs = await Promise.all(
    [1, 2, 3].map((card) => pairing(register, number, card, card % 2 ? BENCH : OTHER_BENCH)),
  );
  const paired = pairs.map(rowIn);
  assert.equal(new Set(paired.map(({ line }) => line)).size, 3);
  // Numbering starts above the highest requested number, so that no number is given twice.
  assert.equal(paired.map(({ serial }) => serial).sort(), ["IB3000009", "IB3000010", "IB3000011"]);
  assert.is((await pairing(register, number, 4)).kind, "none");
  const again = rowIn(await pairing(register, number, 2, BENCH));
  const before = paired.find(({ cardId }) => cardId === idOf(2)) as PairedRow;
  assert.equal([again.number, again.serial, again.pin], [before.number, before.serial, before.pin]);
  for (const row of paired) await seed(register, row);
  assert.is((await pairing(register, number, 2)).kind, "known");
  assert.is((await pairing(register, number, 5)).kind, "complete");
});

onEachEngine(
  test,
  "the row of a card that left without keys goes to the next card; with keys it waits for its card",
  async (rig) => {
    const { register, clock } = rig;
    const { number } = await openFileBatch(register, list("a", wanted(1)));
    const first = rowIn(await pairing(register, number, 1));
    await failRow(register, first, BENCH, { why: "pulled", whose: "away" });
    const second = rowIn(await pairing(register, number, 2));
    assert.equal([second.number, second.serial, second.pin], [first.number, first.serial, first.pin]);
    await bind(register, second);
    await failRow(register, second, BENCH, { why: "pulled", whose: "away" });
    assert.is((await pairing(register, number, 1)).kind, "none");
    clock.now += LEASE + 1;
    assert.is((await pairing(register, number, 1)).kind, "none");
    assert.is(rowIn(await pairing(register, number, 2, OTHER_BENCH)).serial, second.serial);
  },
);

onEachEngine(
  test,
  "a row that a killed tool paired is free when its claim ends, if its card got no keys",
  async (rig) => {
    const { register, clock } = rig;
    const { number } = await openFileBatch(register, list("a", wanted(1)));
    const first = rowIn(await pairing(register, number, 1, claimantAt("elsewhere", "a")));
    assert.is((await pairing(register, number, 2)).kind, "none");
    clock.now += LEASE + 1;
    assert.is(rowIn(await pairing(register, number, 2)).number, first.number);
  },
);

onEachEngine(
  test,
  "a row that a killed tool paired is free at once for the next tool on that computer, at any port",
  async ({ register }) => {
    const { number } = await openFileBatch(register, list("a", wanted(1)));
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const killed = { ...BENCH, process: String(pid) };
    const first = rowIn(await pairing(register, number, 1, killed));
    const second = rowIn(await pairing(register, number, 2, OTHER_BENCH));
    assert.equal([second.number, second.serial, second.pin], [first.number, first.serial, first.pin]);
    assert.is((await pairing(register, number, 3)).kind, "none", "now it is with a card that is at work");
    await bind(register, second, OTHER_BENCH);
    const busy = await refusalOf(bind(register, first, killed));
    assert.is(busy.reason, "busy");
    await deskFor(register, second, OTHER_BENCH).setDoneOf(second);
    assert.equal(
      (await rows(register, number)).map(({ state, card_id }) => [state, card_id]),
      [["done", idOf(2)]],
    );
  },
);

onEachEngine(
  test,
  "--replace frees the rows of a killed tool on this computer, and no row in progress",
  async (rig) => {
    const { register } = rig;
    const { number } = await openFileBatch(register, list("a", wanted(2)));
    const { pid } = spawnSync(process.execPath, ["--version"]);
    for (const claimant of [{ ...BENCH, process: String(pid) }, OTHER_BENCH]) {
      const row = rowIn(await pairing(register, number, claimant === OTHER_BENCH ? 2 : 1, claimant));
      await bind(register, row, claimant);
      await change(register, (one) => claimCard(one, row.serial, claimant));
    }
    assert.is(await replaceCards(register, number, claimantAt("one", "c")), 1);
    assert.equal(
      (await rows(register, number)).map(({ card_id }) => card_id),
      [null, idOf(2)],
    );
  },
);

onEachEngine(
  test,
  "a row fails with a bad card that has keys, and --replace gives the row to another card",
  async (rig) => {
    const { register } = rig;
    const cards = [...wanted(1), { ...(wanted(1)[0] as WantedCard), line: 3, serial: "IB3000007" }];
    const { number } = await openFileBatch(register, list("a", cards));
    const one = rowIn(await pairing(register, number, 1));
    await failRow(register, one, BENCH, { why: "in ERROR 01", whose: "card" });
    assert.is((await counts(register, number)).failed, 0, "it got no keys");
    const [drawn, given] = [rowIn(await pairing(register, number, 1)), rowIn(await pairing(register, number, 2))];
    for (const row of [drawn, given]) {
      await bind(register, row);
      await failRow(register, row, BENCH, { why: "wrong response", whose: "card" });
    }
    assert.equal(await counts(register, number), { done: 0, failed: 2, pending: 0 });
    assert.is((await pairing(register, number, 3)).kind, "complete");
    assert.is(await replaceCards(register, number, BENCH), 2);
    const [other, named] = [rowIn(await pairing(register, number, 3)), rowIn(await pairing(register, number, 4))];
    assert.is.not(other.serial, drawn.serial);
    assert.equal([other.replaces, named.serial, named.replaces], [false, "IB3000007", true]);
    assert.equal([other.pin, named.pin], [drawn.pin, given.pin], "who knows the PIN keeps it");
    const refused = await pairing(register, number, 1);
    assert.match((refused as { why?: string }).why ?? "", /begun as IB\d+ in batch/);
  },
);

/** Binds keys to a card as `dsc personalize --serial` does. */
function bindSingly(register: Register, serial: string, card: number): Promise<void> {
  return bindAt(new SeedingDesk(register, "another bench"), serial, card);
}

async function bindAt(desk: SeedingDesk, serial: string, card: number): Promise<void> {
  await desk.find(serial);
  const { key, ...keys } = keysFor();
  await desk.bind({
    ...{ key: Buffer.from(key), ...keys, serial, suite: SUITE, pinCheck: "card", tries: 5, state: "pending" },
    ...{ cardId: idOf(card), lifeBefore: "blank", storeData: "unsent" },
    ...{ keyset: undefined, rotation: undefined, transport: undefined },
  });
}

onEachEngine(
  test,
  "a serial number for which a row waits is not seeded on its own, since the letter would have another PIN",
  async ({ register, clock }) => {
    const cards = [...wanted(1), { ...(wanted(1)[0] as WantedCard), line: 3, serial: "IB3000007" }];
    const { number } = await openFileBatch(register, list("a", cards));
    const row = rowIn(await pairing(register, number, 1));
    await bind(register, row);
    await failRow(register, row, BENCH, { why: "pulled", whose: "away" });
    clock.now += LEASE + 1;
    for (const serial of [row.serial, "IB3000007"]) {
      const { reason, message } = await refusalOf(bindSingly(register, serial, 1));
      assert.is(reason, "state");
      assert.match(message, new RegExp(`^${serial} is line . of batch ${number}, which is not done; .*batch close`));
    }
    await closeBatch(register, number, { unfinished: true, withoutLetters: true });
    await bindSingly(register, row.serial, 1);
  },
);

onEachEngine(
  test,
  "a card that gets other keys outside the batch leaves its row, whose PIN is printed in no letter",
  async ({ register }) => {
    const { number } = await openFileBatch(register, list("a", wanted(2)));
    const [done, failed] = [rowIn(await pairing(register, number, 1)), rowIn(await pairing(register, number, 2))];
    await seed(register, done);
    await bind(register, failed);
    await failRow(register, failed, BENCH, { why: "wrong response", whose: "card" });
    await bindSingly(register, done.serial, 1);
    await bindSingly(register, failed.serial, 2);
    const printer = new KeptPrinter();
    await writeLetters(register, number, `${scratchFolder()}/letters.pdf`, printer);
    assert.equal(printer.letterTexts, []);
    assert.is((await pairing(register, number, 2)).kind, "refused", "the failed row is not that card's any more");
    assert.equal(
      (await rows(register, number)).map(({ state, pin, card_id }) => [state, pin === null, card_id]),
      [
        ["done", true, idOf(1)],
        ["failed", false, null],
      ],
    );
  },
);

onEachEngine(test, "--replace keeps a row whose card was finished outside the batch", async ({ register }) => {
  const { number } = await openFileBatch(register, list("a", wanted(2)));
  const [stored, other] = [rowIn(await pairing(register, number, 1)), rowIn(await pairing(register, number, 2))];
  for (const row of [stored, other]) await bind(register, row);
  await failRow(register, stored, BENCH, { why: "pulled", whose: "away" });
  await failRow(register, other, BENCH, { why: "wrong response", whose: "card" });
  const desk = new SeedingDesk(register, "another bench");
  await desk.find(stored.serial);
  await desk.setDone(stored.serial);
  assert.is(await replaceCards(register, number, BENCH), 1);
  assert.equal(
    (await rows(register, number)).map(({ state, card_id }) => [state, card_id]),
    [
      ["done", idOf(1)],
      ["pending", null],
    ],
  );
});

onEachEngine(test, "a card whose order was placed again is not seeded for its old row", async ({ register }) => {
  const number = await change(register, (one) =>
    addOrder(one, { userName: "jane", suite: SUITE, pinCheck: "card", tries: 4, pin: PIN }),
  );
  const { number: batch } = await openOrdersBatch(register);
  const row = rowIn(await pairing(register, batch, 1));
  await bind(register, row);
  await failRow(register, row, BENCH, { why: "pulled", whose: "away" });
  await change(register, (one) => placeAgain(one, number, { pin: Buffer.from("7294") }));
  const again = await pairing(register, batch, 1);
  assert.equal(again, { kind: "refused", why: "the order was placed again" });
  assert.is((await register.engine.read((db) => orderOf(db, number))).state, "placed");
});

const JANE = { userName: "jane", suite: SUITE, pinCheck: "card", tries: 4, pin: PIN } as const;
const place = (register: Register) => change(register, (one) => addOrder(one, JANE));
const orderIn = (register: Register, number: number) => register.engine.read((db) => orderOf(db, number));

onEachEngine(test, "the order of a row is claimed when its card gets keys, and not before", async ({ register }) => {
  const number = await place(register);
  const { number: batch } = await openOrdersBatch(register);
  const refused = rowIn(await pairing(register, batch, 1));
  await failRow(register, refused, BENCH, { why: "it is a development image", whose: "card" });
  const before = await orderIn(register, number);
  assert.equal([before.state, before.serial], ["placed", null]);
  const row = rowIn(await pairing(register, batch, 2));
  assert.is(row.serial, refused.serial, "the row keeps its number");
  const single = new SeedingDesk(register, BENCH.bench);
  assert.is(await single.plannedSerialOfOrder(number), row.serial, "and so does its order by itself");
  await bind(register, row);
  const claimed = await orderIn(register, number);
  assert.equal([claimed.state, claimed.serial], ["claimed", row.serial]);
});

onEachEngine(test, "with --replace the order goes to the other card, and the first one gets no more", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const { number: batch } = await openOrdersBatch(register);
  const first = rowIn(await pairing(register, batch, 1));
  await bind(register, first);
  await failRow(register, first, BENCH, { why: "wrong response", whose: "card" });
  await replaceCards(register, batch, BENCH);
  const second = rowIn(await pairing(register, batch, 2, OTHER_BENCH));
  assert.is.not(second.serial, first.serial);
  assert.is((await orderIn(register, number)).serial, first.serial, "the second card may still be refused");
  await seed(register, second, OTHER_BENCH);
  const order = await orderIn(register, number);
  assert.equal([order.state, order.serial], ["seeded", second.serial]);
  assert.is((await refusalOf(seed(register, first))).reason, "state");
});

onEachEngine(test, "a batch does not take an order from the card that is seeded for it alone", async ({ register }) => {
  const number = await place(register);
  const { number: batch } = await openOrdersBatch(register);
  const desk = new SeedingDesk(register, "another bench");
  await desk.order(number);
  const serial = await desk.serialOfOrder(number);
  await bindAt(desk, serial, 1);
  const row = rowIn(await pairing(register, batch, 2));
  assert.is.not(row.serial, serial);
  const { reason, message } = await refusalOf(bind(register, row));
  assert.equal([reason, message.includes(`order ${number}, which is claimed with another card`)], ["state", true]);
  assert.is((await orderIn(register, number)).serial, serial);
});

onEachEngine(test, "a card of a closed batch gets no keys for an order, which waits for the next one", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const { number: batch } = await openOrdersBatch(register);
  const row = rowIn(await pairing(register, batch, 1));
  await closeBatch(register, batch, { unfinished: true, withoutLetters: true });
  assert.is((await refusalOf(bind(register, row))).reason, "state");
  assert.is((await orderIn(register, number)).state, "placed");
  assert.not.ok((await openOrdersBatch(register)).resumed);
});

onEachEngine(test, "a list with the serial number of a claimed order is refused", async ({ register }) => {
  const number = await place(register);
  await change(register, (one) => moveOrder(one, number, "claimed", { action: "personalize", serial: "IB3000004" }));
  const cards = [{ ...(wanted(1)[0] as WantedCard), serial: "IB3000004" }];
  const { reason, message } = await refusalOf(openFileBatch(register, list("a", cards)));
  assert.is(reason, "duplicate");
  assert.match(message, /line 2, serial: IB3000004 is the number of order 1; take the row out$/);
});

onEachEngine(test, "cards in use and cards begun elsewhere are refused with the reason", async ({ register }) => {
  const { number } = await openFileBatch(register, list("a", wanted(2)));
  await putCard(register, "IB3000001", "active", { card_id: idOf(1) });
  await putCard(register, "IB3000002", "pending", { card_id: idOf(2) });
  const why = async (card: Parameters<typeof pairCard>[1]) =>
    ((await pairCard(register, card, { batch: number, claimant: BENCH, pinOf: () => undefined })) as { why?: string })
      .why;
  assert.match((await why(blank(1))) ?? "", /is IB3000001, which is active already/);
  assert.match((await why(blank(2))) ?? "", /was begun as IB3000002; finish it with --serial IB3000002/);
  assert.match(
    (await why({ ...blank(3), life: "personalized", serial: "IB3999999" })) ?? "",
    /personalized as IB3999999/,
  );
});

onEachEngine(
  test,
  "a PIN comes from the file or is drawn and not weak, and is sealed for its row",
  async ({ register }) => {
    const { number } = await openFileBatch(register, list("a", wanted(40)));
    assert.equal(rowIn(await pairing(register, number, 1, BENCH, PIN)).pin, PIN);
    const drawn = new Set<string>();
    for (let card = 2; card <= 40; card++) drawn.add(String(rowIn(await pairing(register, number, card)).pin));
    for (const pin of atLeast(20, drawn)) assert.ok(/^\d{4}$/.test(pin) && !isWeakPin(pin), pin);
    const [first, second] = (await rows(register, number)) as [BatchRow, BatchRow];
    assert.equal(openRowPin(register, first), PIN);
    assert.throws(() => openRowPin(register, { ...second, pin: first.pin }), /does not open/);
  },
);

onEachEngine(
  test,
  "a batch takes placed orders with their PINs, and later ones; cancelled ones are left out",
  async (rig) => {
    const { register } = rig;
    const order = (userName: string, pin?: Buffer) =>
      change(register, (one) => addOrder(one, { userName, suite: SUITE, pinCheck: "card", tries: 4, pin }));
    assert.is((await refusalOf(openOrdersBatch(register))).reason, "unknown");
    const numbers = [await order("jane", PIN), await order("joe"), await order("jim")];
    const { number } = await openOrdersBatch(register);
    numbers.push(await order("joan"));
    assert.equal(await openOrdersBatch(register), { number, resumed: true });
    assert.is((await rows(register, number)).length, 4);
    await change(register, (one) => moveOrder(one, numbers[1] as number, "cancelled", { action: "order cancel" }));
    const jane = rowIn(await pairing(register, number, 1));
    assert.equal([jane.userName, jane.pin, jane.tries, jane.order?.number], ["jane", PIN, 4, numbers[0]]);
    const jim = rowIn(await pairing(register, number, 2));
    assert.is(jim.userName, "jim");
    assert.equal(await counts(register, number), { done: 0, failed: 1, pending: 3 });
    await seed(register, jane);
    const seeded = await register.engine.read((db) => orderOf(db, numbers[0] as number));
    assert.equal([seeded.state, seeded.serial, seeded.pin], ["seeded", jane.serial, null]);
    const [row] = await rows(register, number);
    assert.equal(openRowPin(register, row as BatchRow), PIN, "for the letter");
    await closeBatch(register, number, { unfinished: true, withoutLetters: true });
    const next = await openOrdersBatch(register);
    assert.is.not(next.number, number);
    assert.equal(
      (await rows(register, next.number)).map(({ user_name }) => user_name),
      ["jim", "joan"],
      "jim's card got no keys, so the order still waits for one",
    );
  },
);

onEachEngine(test, "letters and labels are written completely, and closing waits for the letters", async (rig) => {
  const { register } = rig;
  const { number } = await openFileBatch(register, list("a", wanted(3, { userName: "=1+1" })));
  const printer = new KeptPrinter();
  const folder = scratchFolder();
  const [letters, labels] = [`${folder}/letters.pdf`, `${folder}/labels.pdf`];
  assert.is(await writeLetters(register, number, letters, printer), 0);
  const pins: string[] = [];
  for (let card = 1; card <= 2; card++) {
    const row = rowIn(await pairing(register, number, card));
    pins.push(`${row.serial} ${row.pin}`);
    await seed(register, row);
    assert.is(await writeLetters(register, number, letters, printer), card);
    assert.equal(printer.letterTexts, pins);
  }
  await seed(register, rowIn(await pairing(register, number, 3)));
  const refused = await refusalOf(closeBatch(register, number, { unfinished: false, withoutLetters: false }));
  assert.match(refused.message, /the PINs of 1 done card are in no letters file/);
  const failing = { ...printer, letters: () => Promise.reject(new Error("no font")) } as unknown as Printer;
  assert.is((await refusalOf(writeLetters(register, number, letters, failing))).message, "no font");
  assert.is(
    (await refusalOf(closeBatch(register, number, { unfinished: false, withoutLetters: false }))).reason,
    "state",
  );
  assert.is(await writeLetters(register, number, letters, printer), 3);
  assert.is(await writeLabels(register, number, labels, printer), 3);
  const report = await reportOf(register, number);
  assert.equal([report.done, report.unlettered, report.ports.length, report.ports[0]?.yield], [3, 0, 1, 1]);
  const files = writeReport(folder, report);
  const { readFileSync, statSync } = await import("node:fs");
  const cards = readFileSync(files.find((file) => file.endsWith("cards.csv")) as string, "utf8");
  assert.is(cards.match(/,'=1\+1,/g)?.length, 3, cards);
  for (const file of [...files, letters, labels]) assert.is(statSync(file).mode & 0o777, 0o600, file);
  await closeBatch(register, number, { unfinished: false, withoutLetters: false });
  assert.equal(
    (await rows(register, number)).map(({ pin }) => pin),
    [null, null, null],
  );
  assert.match((await refusalOf(writeLetters(register, number, letters, printer))).message, /closed/);
  assert.match(
    (await refusalOf(closeBatch(register, number, { unfinished: false, withoutLetters: false }))).message,
    /closed already/,
  );
});

onEachEngine(test, "closing a batch with unfinished cards is refused without an option", async (rig: Rig) => {
  const { register } = rig;
  const { number } = await openFileBatch(register, list("a", wanted(2)));
  await seed(register, rowIn(await pairing(register, number, 1)));
  const options = { unfinished: false, withoutLetters: true };
  assert.match((await refusalOf(closeBatch(register, number, options))).message, /one card is not done/);
  await closeBatch(register, number, { ...options, unfinished: true });
});

onEachEngine(test, "10,000 rows are added in one change", async ({ register }) => {
  const { number } = await openFileBatch(register, list("many", wanted(10_000)));
  assert.equal(await counts(register, number), { done: 0, failed: 0, pending: 10_000 });
  assert.is(rowIn(await pairing(register, number, 1)).line, 2);
});

test.run();
