// The life of a card, on both engines: the transitions in the table are made and recorded, and no others.

import * as assert from "uvu/assert";
import { cardOf, findCard, listCards, moveCard } from "../../../../host-tools/desk/register/cards.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { readEntries } from "../../../../host-tools/desk/register/journal.js";
import type { CardState } from "../../../../host-tools/desk/register/schema.js";
import { onEachEngine, type Rig, refusalOf } from "../../../support/openregister.js";
import { suite } from "../../../support/suite.js";

const test = suite("cards");

/** The arrows of the diagram, written independently. */
const ALLOWED = [
  "blank pending",
  "pending seeded",
  "seeded shipped",
  "shipped active",
  "shipped lost",
  "active lost",
  "active returned",
  "active retired",
  "lost active",
  "lost returned",
];
const STATES: readonly CardState[] = ["blank", "pending", "seeded", "shipped", "active", "lost", "returned", "retired"];

const move = ({ register }: Rig, serial: string, to: CardState) =>
  change(register, (each) => moveCard(each, { serial, to, action: `to ${to}`, reason: "a reason" }));

onEachEngine(
  test,
  "every change of state is allowed or refused as the life of a card says, and is in the journal",
  async (rig) => {
    const { register, card } = rig;
    let number = 1;
    let allowed = 0;
    for (const [at, from] of STATES.entries())
      for (const [other, to] of STATES.entries()) {
        const serial = `IB30000${at}${other}`;
        await card(serial, from);
        const refusal = await refusalOf(move(rig, serial, to));
        const state = await register.engine.read(async (db) => (await findCard(db, serial))?.state);
        const [last] = await register.engine.read((db) => readEntries(db, { last: 1 }));
        if (ALLOWED.includes(`${from} ${to}`)) {
          allowed++;
          assert.is(refusal.reason, "none", refusal.message);
          assert.is(state, to);
          assert.is(last?.number, ++number);
          const { at: _at, actor: _actor, number: _number, detail: _detail, mac: _mac, ...said } = last ?? {};
          assert.equal(said, { serial, from, to, action: `to ${to}`, reason: "a reason" });
        } else {
          assert.is(refusal.reason, "state");
          assert.match(refusal.message, new RegExp(`^${serial} is ${from}: it cannot be [a-z ]+$`));
          assert.is(state, from);
          assert.is(last?.number, number);
        }
      }
    assert.is(allowed, ALLOWED.length);
  },
);

onEachEngine(test, "a lost card cannot be active again once its replacement is", async (rig) => {
  await rig.card("IB3000001", "lost", { user_name: "owner" });
  await rig.card("IB3000002", "shipped", { user_name: "owner" });
  await rig.card("IB3000003", "active", { user_name: "another" });
  await move(rig, "IB3000002", "active");
  const { reason, message } = await refusalOf(move(rig, "IB3000001", "active"));
  assert.is(reason, "state");
  assert.match(message, /its user has the active card IB3000002; retire that one first$/);
  await move(rig, "IB3000002", "retired");
  await move(rig, "IB3000001", "active");
});

onEachEngine(
  test,
  "of two processes that change one card at once, one succeeds and the other gets the new state",
  async (rig) => {
    await rig.card("IB3000001", "seeded");
    const other = await rig.again();
    const results = await Promise.all(
      [rig.register, other].map((register) =>
        refusalOf(
          change(register, (each) => moveCard(each, { serial: "IB3000001", to: "shipped", action: "card ship" })),
        ),
      ),
    );
    assert.equal(results.map(({ reason }) => reason).sort(), ["none", "state"]);
    assert.is((await rig.register.engine.read((db) => readEntries(db, { serial: "IB3000001" }))).length, 1);
  },
);

onEachEngine(test, "cards are listed by serial number, by state and by user", async ({ register, card }) => {
  await card("IB3000003", "active", { user_name: "b" });
  await card("IB3000001", "seeded");
  await card("IB3000002", "active", { user_name: "a" });
  const serials = async (filter?: Parameters<typeof listCards>[1]) =>
    (await register.engine.read((db) => listCards(db, filter))).map(({ serial }) => serial);
  assert.equal(await serials(), ["IB3000001", "IB3000002", "IB3000003"]);
  assert.equal(await serials({ state: "active" }), ["IB3000002", "IB3000003"]);
  assert.equal(await serials({ userName: "a" }), ["IB3000002"]);
  assert.equal(await serials({ userName: "a", state: "lost" }), []);
  const { reason } = await refusalOf(register.engine.read((db) => cardOf(db, "IB3000009")));
  assert.is(reason, "unknown");
});

test.run();
