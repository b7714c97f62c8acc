// Personalization with a register, on both engines: keys are in the register before they are in a card, after any
// interruption; no two cards get the same key; and a bench that is refused learns which bench has the card.

import * as assert from "uvu/assert";
import { Ins } from "../../../../firmware/wire.js";
import { AuthenticationFailed } from "../../../../host-tools/card/errors.js";
import type { CardRecord } from "../../../../host-tools/desk/keyregister.js";
import { findCard, moveCard } from "../../../../host-tools/desk/register/cards.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { claimCard, claimOf, LEASE } from "../../../../host-tools/desk/register/claims.js";
import { readEntries } from "../../../../host-tools/desk/register/journal.js";
import { currentKeys } from "../../../../host-tools/desk/register/keys.js";
import { addOrder, cancelOrder, moveOrder, orderOf, placeAgain } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import type { Request } from "../../../../host-tools/desk/request.js";
import { ocra } from "../../../../host-tools/seeds/ocra.js";
import type { Card } from "../../../../sim/core/card.js";
import { Flash } from "../../../../sim/core/flash.js";
import { blankCard, login } from "../../../support/cards.js";
import { Listener } from "../../../support/listener.js";
import { onEachEngine, refusalOf } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { attempt, failureOf, statusOf, type Tap } from "../../../support/seeding.js";
import { suite } from "../../../support/suite.js";

const test = suite("seeding desk");

const SERIAL = "IB3000123";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const REQUEST: Request = {
  ...{ serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5, pin: "8352", transport: pattern(16) },
};
/** Every 9th frame is cut. These fall into each step; trying every frame would take too long. */
const EVERY = 9;

const deskOf = (register: Register, bench = "one") => new SeedingDesk(register, bench);
const cardIn = (register: Register, serial = SERIAL) => register.engine.read((db) => findCard(db, serial));
const keysIn = (register: Register, serial = SERIAL) => register.engine.read((db) => currentKeys(db, register, serial));

/** Does what `dsc personalize` does. */
function personalize(register: Register, card: Card, request = REQUEST, frame?: number) {
  const desk = deskOf(register);
  const fault = frame === undefined ? undefined : { frame, spoil: undefined };
  return desk.holding(request.serial, () => attempt(card, request, desk, fault));
}

async function assertWorks(register: Register, card: Card, serial = SERIAL): Promise<void> {
  const keys = await keysIn(register, serial);
  assert.is(login(card, "8352", "271828"), ocra(SUITE, keys?.token as Buffer, { challenge: "271828" }));
}

onEachEngine(test, "a blank card is seeded, and both steps are in the journal", async ({ register }) => {
  const card = blankCard();
  await personalize(register, card);
  await assertWorks(register, card);
  const row = await cardIn(register);
  const { id } = await statusOf(card);
  assert.equal(
    [row?.state, row?.card_id, row?.store_data, row?.put_key, row?.keyset, row?.keys_before, row?.life_before],
    ["seeded", id, "answered", "done", 1, "public", "blank"],
  );
  const entries = await register.engine.read((db) => readEntries(db, { serial: SERIAL }));
  assert.equal(
    entries.map(({ action, from, to }) => [action, from, to]),
    [
      ["personalize", null, "pending"],
      ["personalize", "pending", "seeded"],
    ],
  );
  assert.is(await register.engine.read((db) => claimOf(db, SERIAL)), undefined);
});

onEachEngine(
  test,
  "after an interruption at any frame the register knows the card, and a rerun finishes",
  async (rig) => {
    const { register } = rig;
    const { frames } = await personalize(register, blankCard({ seed: 1000 }), { ...REQUEST, serial: "IB3000001" });
    for (let frame = 1; frame < frames; frame += EVERY) {
      const serial = `IB3001${String(frame).padStart(3, "0")}`;
      const request = { ...REQUEST, serial };
      const card = blankCard({ seed: frame });
      await failureOf(personalize(register, card, request, frame));
      const { life, id } = await statusOf(card);
      if (life !== "blank") assert.is((await cardIn(register, serial))?.card_id, id, `frame ${frame}`);
      await personalize(register, card, request);
      await assertWorks(register, card, serial);
      assert.is((await cardIn(register, serial))?.state, "seeded", `frame ${frame}`);
    }
  },
);

onEachEngine(
  test,
  "STORE DATA and PUT KEY are noted before they are sent, and again when they are answered",
  async (rig) => {
    const { register } = rig;
    const { frames } = await personalize(register, blankCard({ seed: 900 }), { ...REQUEST, serial: "IB3000001" });
    const seen = new Set<string>();
    for (let frame = frames % 2; frame < frames; frame += 2) {
      const fresh = blankCard({ seed: frame });
      const serial = `IB3002${String(frame).padStart(3, "0")}`;
      const sent: number[] = [];
      fresh.watchers.push({ serial: (bytes) => sent.push(bytes[3] as number) });
      await failureOf(personalize(register, fresh, { ...REQUEST, serial }, frame));
      const row = await cardIn(register, serial);
      if (sent.includes(Ins.STORE_DATA)) assert.is.not(row?.store_data, "unsent", `frame ${frame}`);
      if (sent.includes(Ins.PUT_KEY)) assert.is.not(row?.put_key, "unsent", `frame ${frame}`);
      if (row) seen.add(`${row.store_data} ${row.put_key} ${row.state}`);
    }
    assert.equal(
      [...seen],
      [
        "sent unsent pending",
        "answered unsent pending",
        "answered sent pending",
        "answered done pending",
        "answered done seeded",
      ],
    );
  },
);

onEachEngine(test, "a blank card other than the record's is refused and gets nothing", async ({ register }) => {
  const card = blankCard({ seed: 5 });
  const { frames } = await personalize(register, blankCard({ seed: 9 }), { ...REQUEST, serial: "IB3000001" });
  for (let frame = 1; (await cardIn(register)) === undefined && frame < frames; frame++)
    await failureOf(personalize(register, card, REQUEST, frame));
  const other = blankCard({ seed: 6 });
  assert.match(String(await failureOf(personalize(register, other))), /bound to the card with id/);
  assert.is((await statusOf(other)).life, "blank");
  const first = await keysIn(register);
  await personalize(register, other, { ...REQUEST, reseed: true });
  assert.not.equal((await keysIn(register))?.token, first?.token);
  await assertWorks(register, other);
});

onEachEngine(
  test,
  "a false blank card with the id of a seeded card does not take that card's keys out of use",
  async ({ register }) => {
    const card = blankCard({ seed: 7 });
    await statusOf(card);
    const blank = Buffer.from(card.flash.bytes);
    await personalize(register, card);
    const falseCard = blankCard({ flash: new Flash(blank) });
    assert.is((await statusOf(falseCard)).id, (await statusOf(card)).id);
    const refusal = await failureOf(personalize(register, falseCard, { ...REQUEST, serial: "IB3000777" }));
    assert.instance(refusal, AuthenticationFailed, String(refusal));
    assert.is((await cardIn(register))?.state, "seeded");
    await assertWorks(register, card);
  },
);

onEachEngine(
  test,
  "of two benches with one serial number one works, and the other is refused with the name of the first",
  async ({ register, again }) => {
    const [one, other] = [deskOf(register, "bench one"), deskOf(await again(), "bench two")];
    const refusal = await one.holding(SERIAL, () => refusalOf(other.holding(SERIAL, async () => {})));
    assert.is(refusal.reason, "busy");
    assert.match(refusal.message, /IB3000123.*bench one/);
    await other.holding(SERIAL, async () => {});
  },
);

onEachEngine(test, "a bench that lost its claim changes nothing that another bench did since", async (rig) => {
  const { register, again, clock } = rig;
  const [slow, quick] = [deskOf(register, "bench one"), deskOf(await again(), "bench two")];
  const record = async (card: Card): Promise<CardRecord> => ({
    ...{ serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5, key: pattern(32, 1), unlockKey: pattern(32, 2) },
    ...{ origin: "drawn", state: "pending", cardId: (await statusOf(card)).id, lifeBefore: "blank" },
    ...{ storeData: "unsent", keyset: undefined, rotation: undefined, transport: undefined },
  });
  const [one, other] = [await record(blankCard({ seed: 1 })), await record(blankCard({ seed: 2 }))];
  const reasonOf = async (work: Promise<unknown>) => (await refusalOf(work)).reason;

  // Both read a serial number without keys. The bench that binds later acts on old data.
  await slow.find(SERIAL);
  await quick.find(SERIAL);
  await quick.bind({ ...other, key: pattern(32, 3) });
  clock.now += LEASE;
  assert.is(await reasonOf(slow.bind(one)), "busy");
  assert.is((await cardIn(register))?.card_id, other.cardId);

  // One bench is in the middle of its steps when the other gives the serial number to another card.
  await slow.find(SERIAL);
  await slow.bind(one);
  clock.now += LEASE;
  await quick.find(SERIAL);
  await quick.bind({ ...other, key: pattern(32, 4) });
  clock.now += LEASE;
  for (const work of [
    () => slow.setStoreData(SERIAL, "answered"),
    () => slow.setPutKey(SERIAL, "done"),
    () => slow.setDone(SERIAL),
  ])
    assert.is(await reasonOf(work()), "busy");
  const row = await cardIn(register);
  assert.equal([row?.card_id, row?.state, row?.store_data], [other.cardId, "pending", "unsent"]);
});

onEachEngine(test, "a killed process can continue at its bench at once", async ({ register, again }) => {
  const killed = deskOf(register, "bench one");
  const next = deskOf(await again(), "bench one");
  await killed.holding(SERIAL, async () => {
    await next.holding(SERIAL, async () => {});
  });
});

onEachEngine(
  test,
  "four benches that ask at once get four serial numbers, and a pending card keeps its own",
  async (rig) => {
    const { register, again } = rig;
    const benches = [register, await again(), await again(), await again()];
    const numbers = await Promise.all(benches.map((each, at) => deskOf(each, `bench ${at}`).serialFor(undefined)));
    assert.equal(numbers.sort(), ["IB3000001", "IB3000002", "IB3000003", "IB3000004"]);
    const card = blankCard();
    const desk = deskOf(register);
    const { id } = await statusOf(card);
    const serial = await desk.serialFor(id);
    assert.is(serial, "IB3000005");
    for (let frame = 20; (await cardIn(register, serial)) === undefined; frame++)
      await failureOf(personalize(register, card, { ...REQUEST, serial }, frame));
    assert.is(await desk.serialFor(id), serial);
    await personalize(register, card, { ...REQUEST, serial });
    assert.is(await desk.serialFor(id), "IB3000006");
  },
);

onEachEngine(test, "an order's PIN goes into the card and is erased when the card is seeded", async ({ register }) => {
  const settings = { userName: "jane", suite: SUITE, pinCheck: "card", tries: 4 } as const;
  const number = await change(register, (one) => addOrder(one, { ...settings, pin: Buffer.from("8352") }));
  const desk = deskOf(register);
  const { pin, ...ordered } = await desk.order(number);
  assert.equal([ordered, pin?.toString()], [{ suite: SUITE, pinCheck: "card", tries: 4 }, "8352"]);
  const serial = await desk.serialOfOrder(number);
  const card = blankCard();
  const request = { ...REQUEST, ...ordered, serial, pin };
  await desk.holding(serial, () => attempt(card, request, desk));
  await assertWorks(register, card, serial);
  const order = await register.engine.read((db) => orderOf(db, number));
  assert.equal([order.state, order.serial, order.pin], ["seeded", serial, null]);
  const row = await cardIn(register, serial);
  assert.equal([row?.order_number, row?.user_name], [number, "jane"]);
  assert.is(await desk.serialOfOrder(number), serial);
});

const JANE = { userName: "jane", suite: SUITE, pinCheck: "card", tries: 5 } as const;
const PIN = Buffer.from("8352");

const orderIn = (register: Register, number: number) => register.engine.read((db) => orderOf(db, number));
const place = (register: Register) => change(register, (one) => addOrder(one, { ...JANE, pin: PIN }));

/** Does what `dsc personalize --order` does. */
async function seedOrder(register: Register, number: number, card: Card, tap?: Tap): Promise<string> {
  const desk = deskOf(register);
  const { pin } = await desk.order(number);
  const serial = await desk.serialOfOrder(number);
  const request = { ...REQUEST, serial, ...(pin && { pin }) };
  await desk.holding(serial, () => attempt(card, request, desk, undefined, tap));
  return serial;
}

/** Changes of an order or of its card that stop the seeding. */
const STOPS: Record<string, (register: Register, order: number) => Promise<unknown>> = {
  "the order is cancelled": (register, order) => change(register, (one) => cancelOrder(one, order, "changed her mind")),
  "the order is placed again": (register, order) => change(register, (one) => placeAgain(one, order, {})),
  "the card is set to another state": (register, order) =>
    register.engine.write((db) =>
      db.updateTable("cards").set({ state: "lost" }).where("order_number", "=", order).execute(),
    ),
};

/** Runs `stop` before the nth write of a desk, and counts its writes. */
class StoppingDesk extends SeedingDesk {
  writes = 0;
  stopAt = 0;
  stop = async (): Promise<unknown> => undefined;

  async #count<T>(write: () => Promise<T>): Promise<T> {
    if (++this.writes === this.stopAt) await this.stop();
    return write();
  }

  override bind(record: CardRecord): Promise<void> {
    return this.#count(() => super.bind(record));
  }

  override setStoreData(...args: Parameters<SeedingDesk["setStoreData"]>): Promise<void> {
    return this.#count(() => super.setStoreData(...args));
  }

  override setPutKey(...args: Parameters<SeedingDesk["setPutKey"]>): Promise<void> {
    return this.#count(() => super.setPutKey(...args));
  }

  override setDone(serial: string): Promise<void> {
    return this.#count(() => super.setDone(serial));
  }
}

/** The writes of a seeding: the keys with STORE DATA sent, STORE DATA answered, PUT KEY sent and answered, done. */
const WRITES = 5;

for (const [what, stop] of Object.entries(STOPS))
  onEachEngine(
    test,
    `${what} during the seeding: the card gets no further command and is not marked as seeded`,
    async (rig) => {
      const { register, again } = rig;
      const other = await again();
      for (let stopAt = 1; stopAt <= WRITES; stopAt++) {
        const number = await place(register);
        const card = blankCard({ seed: 100 + stopAt });
        const desk = new StoppingDesk(register, "one");
        desk.stopAt = stopAt;
        desk.stop = () => stop(other, number);
        const { pin } = await desk.order(number);
        const serial = await desk.serialOfOrder(number);
        // The keys are not bound yet, so the order is still placed.
        if (stopAt === 1 && what.endsWith("placed again")) continue;
        const listener = new Listener();
        const sent = listener.instructions;
        const { reason, message } = await refusalOf(
          desk.holding(serial, () => attempt(card, { ...REQUEST, serial, pin }, desk, undefined, listener)),
        );
        // Before the keys are bound, the serial number has no card, so changing the card's state stops nothing.
        if (stopAt === 1 && what.startsWith("the card")) {
          assert.is(reason, "none");
          continue;
        }
        assert.is(reason, "state", `${stopAt}: ${message}`);
        assert.match(message, new RegExp(`order ${number}|${serial} was set to lost`));
        assert.is(desk.writes, stopAt, "nothing is written after that");
        // The command after this write must not be sent.
        if (stopAt <= 1) assert.not.ok(sent.includes(Ins.STORE_DATA));
        if (stopAt <= 3) assert.not.ok(sent.includes(Ins.PUT_KEY));
        if (stopAt <= 4) assert.not.ok(sent.includes(Ins.SET_STATUS));
        const row = await cardIn(register, serial);
        assert.not.equal(row?.state, "seeded");
        // The card's answer is still noted.
        if (stopAt === 2) assert.is(row?.store_data, "answered");
        if (stopAt === 4) assert.is(row?.put_key, "done");
        assert.not.equal((await orderIn(register, number)).state, "seeded");
        desk.wipe();
      }
    },
  );

onEachEngine(test, "the card of a cancelled order gets new keys for somebody else only with --reseed", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const card = blankCard();
  const desk = new StoppingDesk(register, "one");
  desk.stopAt = WRITES;
  desk.stop = () => change(register, (one) => cancelOrder(one, number, undefined));
  const { pin } = await desk.order(number);
  const serial = await desk.serialOfOrder(number);
  await refusalOf(desk.holding(serial, () => attempt(card, { ...REQUEST, serial, pin }, desk)));
  assert.is((await cardIn(register, serial))?.state, "retired");
  await personalize(register, card, { ...REQUEST, serial, reseed: true });
  const row = await cardIn(register, serial);
  assert.equal([row?.state, row?.order_number, row?.user_name], ["seeded", null, null]);
  await assertWorks(register, card, serial);
});

onEachEngine(
  test,
  "the order of a card that was damaged after seeding is placed again and gets another card",
  async (rig) => {
    const { register } = rig;
    const number = await place(register);
    const damaged = blankCard({ seed: 1 });
    const first = await seedOrder(register, number, damaged);
    assert.is((await refusalOf(seedOrder(register, number, blankCard({ seed: 3 })))).reason, "exists");
    await change(register, (one) => placeAgain(one, number, { pin: PIN, reason: "its screen is broken" }));
    const placed = await orderIn(register, number);
    assert.equal([placed.state, placed.serial, placed.pin !== null], ["placed", null, true]);
    assert.is((await cardIn(register, first))?.state, "retired");
    const card = blankCard({ seed: 2 });
    const second = await seedOrder(register, number, card);
    assert.is.not(second, first);
    await assertWorks(register, card, second);
    const order = await orderIn(register, number);
    assert.equal([order.state, order.serial, order.pin], ["seeded", second, null]);
    const entries = await register.engine.read((db) => readEntries(db, { serial: first }));
    assert.equal(
      entries.slice(-1).map(({ action, from, to, reason }) => [action, from, to, reason]),
      [["order add", "seeded", "retired", "its screen is broken"]],
    );
  },
);

onEachEngine(test, "the pending card of an order is finished for that order only", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const desk = new StoppingDesk(register, "one");
  const card = blankCard();
  desk.stopAt = 3;
  desk.stop = () => Promise.reject(new Error("the bench lost its power"));
  const { pin } = await desk.order(number);
  const serial = await desk.serialOfOrder(number);
  await failureOf(desk.holding(serial, () => attempt(card, { ...REQUEST, serial, pin }, desk)));
  const refusal = await refusalOf(personalize(register, card, { ...REQUEST, serial }));
  assert.equal([refusal.reason, /give --order 1/.test(refusal.message)], ["state", true]);
  assert.is(await seedOrder(register, number, card), serial);
  await assertWorks(register, card, serial);
});

onEachEngine(test, "a PIN that was replaced with its order goes into no card", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const desk = deskOf(register);
  const { pin } = await desk.order(number);
  await change(register, (one) => moveOrder(one, number, "claimed", { action: "personalize", serial: SERIAL }));
  await change(register, (one) => placeAgain(one, number, { pin: Buffer.from("9164") }));
  const serial = await desk.serialOfOrder(number);
  const card = blankCard();
  const refusal = await refusalOf(desk.holding(serial, () => attempt(card, { ...REQUEST, serial, pin }, desk)));
  assert.is(refusal.reason, "busy");
  assert.is((await statusOf(card)).life, "blank");
});

/** Claims an order as earlier versions did, before its card got keys. */
const claimEarly = (register: Register, number: number, serial: string) =>
  change(register, (one) => moveOrder(one, number, "claimed", { action: "personalize", serial }));

onEachEngine(test, "an order is claimed in the change that binds keys to its card", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const before = await orderIn(register, number);
  const desk = deskOf(register);
  await desk.order(number);
  const serial = await desk.serialOfOrder(number);
  await refusalOf(desk.holding(serial, () => Promise.reject(new Error("the wrong card is on the port"))));
  assert.equal(await orderIn(register, number), before);
  assert.equal(await register.engine.read((db) => readEntries(db, { serial })), []);
  assert.is(await seedOrder(register, number, blankCard()), serial, "the number was not used");
  const entries = await register.engine.read((db) => readEntries(db, { serial }));
  assert.equal(
    entries.map(({ from, to }) => [from, to]),
    [
      ["placed", "claimed"],
      [null, "pending"],
      ["pending", "seeded"],
      ["claimed", "seeded"],
    ],
  );
});

onEachEngine(test, "of two benches with one order, one seeds it and the other gets no keys", async (rig) => {
  const { register, again } = rig;
  const number = await place(register);
  const card = blankCard({ seed: 2 });
  const slow = new StoppingDesk(register, "bench one");
  slow.stopAt = 1;
  const other = await again();
  slow.stop = () => seedOrder(other, number, blankCard({ seed: 3 }));
  const { pin } = await slow.order(number);
  const serial = await slow.serialOfOrder(number);
  const work = slow.holding(serial, () => attempt(card, { ...REQUEST, serial, pin }, slow));
  const { reason, message } = await refusalOf(work);
  assert.equal([reason, message.includes(`order ${number}, which is seeded with another card`)], ["state", true]);
  assert.is((await statusOf(card)).life, "blank");
});

onEachEngine(test, "the next serial number is above those of all orders, cancelled ones too", async ({ register }) => {
  for (const [serial, isCancelled] of [
    ["IB3000005", false],
    ["IB3000009", true],
  ] as const) {
    const number = await place(register);
    await claimEarly(register, number, serial);
    if (isCancelled) await change(register, (one) => cancelOrder(one, number, undefined));
  }
  assert.is(await deskOf(register).serialFor(undefined), "IB3000010");
});

onEachEngine(test, "the number that a killed process claimed is taken again at its bench only", async (rig) => {
  const { register, again } = rig;
  const number = await place(register);
  const claim = { bench: "bench one", process: "0" };
  await change(register, (one) => claimCard(one, "IB3000001", claim));
  const [same, other] = [deskOf(register, "bench one"), deskOf(await again(), "bench two")];
  for (const serialIn of [
    () => same.plannedSerialFor(undefined),
    () => same.plannedSerialOfOrder(number),
    () => same.serialOfOrder(number),
  ])
    assert.is(await serialIn(), "IB3000001");
  assert.is(await other.serialFor(undefined), "IB3000002");
  assert.is(await same.serialFor(undefined), "IB3000003", "its own claims count");
});

onEachEngine(test, "an order that was claimed without a card is finished with its serial number", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  await claimEarly(register, number, "IB3000005");
  const card = blankCard();
  const refusal = await refusalOf(personalize(register, card, { ...REQUEST, serial: "IB3000005" }));
  assert.equal([refusal.reason, /give --order 1/.test(refusal.message)], ["state", true]);
  assert.is(await seedOrder(register, number, card), "IB3000005");
});

onEachEngine(test, "an order never takes the serial number of another order's card, --reseed or not", async (rig) => {
  const { register } = rig;
  const number = await place(register);
  const card = blankCard({ seed: 1 });
  const serial = await seedOrder(register, number, card);
  const other = await place(register);
  await claimEarly(register, other, serial);
  const desk = deskOf(register);
  const { pin } = await desk.order(other);
  for (const work of [
    () => desk.serialOfOrder(other),
    () => desk.plannedSerialOfOrder(other),
    () => attempt(blankCard({ seed: 2 }), { ...REQUEST, serial, pin, reseed: true }, desk),
  ]) {
    const { reason, message } = await refusalOf(work());
    assert.is(reason, "state");
    assert.match(message, /^order 2: its serial number IB\d+ is that of the card of order 1; .*order add --again 2/);
  }
  await assertWorks(register, card, serial);
  await change(register, (one) => placeAgain(one, other, {}));
  const second = blankCard({ seed: 3 });
  assert.is.not(await seedOrder(register, other, second), serial);
  await assertWorks(register, card, serial);
  assert.is((await cardIn(register, serial))?.state, "seeded");
});

onEachEngine(test, "--reseed is not suggested for the number of an order's finished card", async ({ register }) => {
  const number = await place(register);
  const serial = await seedOrder(register, number, blankCard({ seed: 1 }));
  const card = blankCard({ seed: 2 });
  const { message } = await refusalOf(personalize(register, card, { ...REQUEST, serial }));
  assert.match(message, /bound to the card with id .*the card of order 1, which gets another card with .*--again 1$/);
  assert.not.match(message, "--reseed");
  const { warnings } = (await personalize(register, card, { ...REQUEST, serial, reseed: true })).plan;
  assert.ok(warnings.some((text) => /keys that IB\d+ has so far are given up.*the card of order 1$/.test(text)));
});

onEachEngine(
  test,
  "each finished --reseed gives new keys; an interrupted one is finished with its own",
  async (rig) => {
    const { register } = rig;
    const card = blankCard();
    await personalize(register, card);
    const reseed = { ...REQUEST, reseed: true };
    const versions = async () => {
      const rows = await register.engine.read((db) =>
        db.selectFrom("keys").select(["version", "state"]).where("field", "=", "token").orderBy("number").execute(),
      );
      return [...new Set(rows.map(({ version, state }) => `${version} ${state}`))];
    };
    await personalize(register, card, reseed);
    assert.equal(await versions(), ["1 abandoned", "2 active"]);
    const { frames } = await personalize(register, card, reseed);
    assert.equal(await versions(), ["1 abandoned", "2 abandoned", "3 active"]);
    // STORE DATA was answered, so the card has the keys of this call.
    await failureOf(personalize(register, card, reseed, frames - 8));
    assert.is((await cardIn(register))?.state, "pending");
    const kept = await keysIn(register);
    await personalize(register, card, reseed);
    assert.equal((await keysIn(register))?.token, kept?.token);
    assert.is((await versions()).length, 4);
    await assertWorks(register, card);
  },
);

onEachEngine(test, "reseeding a card that was seeded for an order does not change the order", async ({ register }) => {
  const number = await place(register);
  const card = blankCard();
  const serial = await seedOrder(register, number, card);
  const before = await orderIn(register, number);
  await personalize(register, card, { ...REQUEST, serial, reseed: true });
  assert.equal(await orderIn(register, number), before);
  assert.is((await cardIn(register, serial))?.state, "seeded");
  await assertWorks(register, card, serial);
});

onEachEngine(test, "a card whose state changes before it is reseeded is not touched", async (rig) => {
  const { register, again } = rig;
  const card = blankCard();
  await personalize(register, card);
  const other = await again();
  const desk = new StoppingDesk(register, "one");
  desk.stopAt = 1;
  desk.stop = () => change(other, (one) => moveCard(one, { serial: SERIAL, to: "shipped", action: "card ship" }));
  const before = Buffer.from(card.flash.bytes);
  const work = desk.holding(SERIAL, () => attempt(card, { ...REQUEST, reseed: true }, desk));
  assert.is((await refusalOf(work)).reason, "busy");
  assert.ok(Buffer.from(card.flash.bytes).equals(before));
});

onEachEngine(test, "a card that gets another serial number loses the first one", async ({ register }) => {
  const card = blankCard();
  await personalize(register, card);
  await personalize(register, card, { ...REQUEST, serial: "IB3000124", reseed: true });
  await assertWorks(register, card, "IB3000124");
  const before = await cardIn(register);
  assert.equal([before?.state, before?.card_id], ["retired", null]);
  assert.is(await keysIn(register), undefined);
});

onEachEngine(test, "a given key that another card may have is refused before it is sent", async ({ register }) => {
  const key = pattern(32, 3);
  await personalize(register, blankCard({ seed: 1 }), { ...REQUEST, key });
  const other = blankCard({ seed: 2 });
  const refusal = await refusalOf(personalize(register, other, { ...REQUEST, serial: "IB3000124", key }));
  assert.is(refusal.reason, "duplicate");
  assert.is((await statusOf(other)).life, "blank");
});

test.run();
