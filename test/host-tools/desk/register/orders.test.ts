// Orders, on both engines: their life, and PINs that only the desk opens and that are erased in time.

import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { readEntries } from "../../../../host-tools/desk/register/journal.js";
import { addOrder, listOrders, moveOrder, openPin, orderOf } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import type { OrderState } from "../../../../host-tools/desk/register/schema.js";
import { KEYS, onEachEngine, refusalOf, SUITE } from "../../../support/openregister.js";
import { suite } from "../../../support/suite.js";

const test = suite("orders");

const PIN = Buffer.from("8352");
const ORDER = { userName: "owner", suite: SUITE, pinCheck: "card", tries: 5, pin: PIN } as const;

/** The arrows of the diagram, written independently. */
const ALLOWED = [
  "placed claimed",
  "placed cancelled",
  "claimed seeded",
  "claimed placed",
  "claimed cancelled",
  "seeded shipped",
  "seeded placed",
  "shipped done",
];
const STATES: readonly OrderState[] = ["placed", "claimed", "seeded", "shipped", "done", "cancelled"];
const PIN_NEEDED = ["placed", "claimed"];

const add = (register: Register, order: Parameters<typeof addOrder>[1] = ORDER) =>
  change(register, (each) => addOrder(each, order));
const move = (register: Register, number: number, to: OrderState) =>
  change(register, (each) => moveOrder(each, number, to, { action: `to ${to}`, reason: "a reason" }));
const read = (register: Register, number: number) => register.engine.read((db) => orderOf(db, number));

onEachEngine(test, "a PIN opens with the desk key only", async ({ register, again }) => {
  const site = await again({ site: KEYS.site, journal: KEYS.journal });
  const number = await add(site);
  const order = await read(register, number);
  assert.equal(openPin(register, order), PIN);
  assert.throws(() => openPin(site, order), /the desk key is needed/);
  assert.is(openPin(register, await read(register, await add(register, { ...ORDER, pin: undefined }))), undefined);
});

onEachEngine(test, "a PIN opens for its own order and user only", async ({ register }) => {
  const [first, second] = [await add(register), await add(register, { ...ORDER, userName: "another" })];
  const [one, other] = [await read(register, first), await read(register, second)];
  for (const moved of [
    { ...one, number: second },
    { ...one, user_name: "another" },
    { ...one, pin: other.pin },
  ])
    assert.throws(() => openPin(register, moved), /does not open with the desk key, since the register was changed/);
});

onEachEngine(test, "nothing is encrypted to an exchanged public key", async ({ register, again }) => {
  await register.engine.write((db) =>
    db
      .updateTable("meta")
      .set({ value: Buffer.alloc(32, 9) })
      .where("name", "=", "desk-public")
      .execute(),
  );
  for (const kind of ["site", "desk"] as const) {
    const other = await again({ [kind]: KEYS[kind], journal: KEYS.journal });
    assert.is((await refusalOf(add(other))).reason, "damaged", kind);
  }
  const neither = await again({ journal: KEYS.journal });
  assert.is((await refusalOf(add(neither))).reason, "no-key");
  assert.equal(await register.engine.read((db) => listOrders(db)), []);
});

onEachEngine(test, "every change of state is allowed or refused as the life of an order says", async ({ register }) => {
  let allowed = 0;
  for (const from of STATES)
    for (const to of STATES) {
      const number = await add(register);
      await register.engine.write((db) =>
        db.updateTable("orders").set({ state: from }).where("number", "=", number).execute(),
      );
      const { reason, message } = await refusalOf(move(register, number, to));
      const { state, pin } = await read(register, number);
      const [last] = await register.engine.read((db) => readEntries(db, { last: 1 }));
      if (ALLOWED.includes(`${from} ${to}`)) {
        allowed++;
        assert.is(reason, "none", message);
        assert.is(state, to);
        assert.is(pin !== null, PIN_NEEDED.includes(to), `${from} ${to}`);
        assert.equal([last?.from, last?.to, last?.reason, last?.detail], [from, to, "a reason", `{"order":${number}}`]);
      } else {
        assert.is(reason, "state");
        assert.match(message, new RegExp(`^order ${number} is ${from}: it cannot be [a-z ]+$`));
        assert.is(state, from);
        assert.is(last?.action, "order add");
      }
    }
  assert.is(allowed, ALLOWED.length);
});

onEachEngine(test, "orders are listed by number and by state, and a missing one is named", async ({ register }) => {
  const numbers = [await add(register), await add(register), await add(register)];
  await move(register, numbers[1] as number, "cancelled");
  const listed = async (state?: OrderState) =>
    (await register.engine.read((db) => listOrders(db, state))).map(({ number }) => number);
  assert.equal(await listed(), numbers);
  assert.equal(await listed("placed"), [numbers[0], numbers[2]]);
  const { reason, message } = await refusalOf(move(register, 99, "claimed"));
  assert.is(reason, "unknown");
  assert.match(message, /^order 99: /);
});

test.run();
