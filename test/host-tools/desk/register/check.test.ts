// What `check` finds: every kind of change that somebody with the database and no key can make.

import { sql } from "kysely";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { type CheckReport, checkRegister } from "../../../../host-tools/desk/register/check.js";
import { signHead } from "../../../../host-tools/desk/register/journal.js";
import { bindKeys } from "../../../../host-tools/desk/register/keys.js";
import { addOrder, moveOrder } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import type { CustodyKind } from "../../../../host-tools/desk/register/sealing.js";
import { openBatch } from "../../../support/openbatch.js";
import { KEYS, keysFor, onEachEngine, type Rig, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("check of a register");

const SERIAL = "IB3000001";
const OTHER = "IB3000002";
const KINDS: readonly CustodyKind[] = ["site", "desk", "journal"];

async function fill({ register, card }: Rig): Promise<void> {
  for (const [serial, cardId] of [
    [SERIAL, "0011223344556677"],
    [OTHER, "8899aabbccddeeff"],
  ] as const) {
    await card(serial, "active", { card_id: cardId });
    await change(register, async (one) => {
      await bindKeys(one, { serial, cardId, ...keysFor() });
      await addOrder(one, { userName: serial, suite: SUITE, pinCheck: "card", tries: 5, pin: Buffer.from("4071") });
    });
  }
  await openBatch(register, ["00000000000000a1", "00000000000000a2"]);
}

/** A change of the database, and check's finding. */
const CHANGES: readonly (readonly [string, string, RegExp])[] = [
  [
    "a key is moved to another card",
    `update keys set sealed = (select k.sealed from keys k where k.serial = '${OTHER}' and k.field = 'unlock' and k.opener = 'desk')
     where serial = '${SERIAL}' and field = 'unlock' and opener = 'desk'`,
    /^IB3000001: its unlock key \(version 1\) does not open with the desk key$/,
  ],
  [
    "a key is marked as forgotten and stays",
    `update keys set state = 'forgotten' where serial = '${SERIAL}' and field = 'token' and opener = 'site'`,
    /^IB3000001: its token key \(version 1\) is marked as forgotten but still there$/,
  ],
  [
    "a card has the id of another",
    `update cards set card_id = '0000000000000000' where serial = '${SERIAL}'`,
    /^IB3000001: its (token|unlock) key is bound to another card$/,
  ],
  [
    "an order's PIN is moved to another order",
    "update orders set pin = (select o.pin from orders o where o.number = 2) where number = 1",
    /^order 1: its PIN does not open/,
  ],
  [
    "an order is of a card that is not there",
    "update orders set serial = 'IB3009999', state = 'seeded' where number = 2",
    /^order 2: its card IB3009999 is not in the register$/,
  ],
  [
    "two orders have one serial number",
    `update orders set serial = '${SERIAL}', state = 'seeded'`,
    /^orders 1 and 2: both have the serial number IB3000001$/,
  ],
  [
    "the card of an order was made for another order",
    `update cards set order_number = 1, user_name = '${SERIAL}' where serial = '${SERIAL}';
     update orders set serial = '${SERIAL}', state = 'claimed' where number = 2`,
    /^order 2: its card IB3000001 was made for order 1$/,
  ],
  [
    "the card of an order was made for no order",
    `update orders set serial = '${SERIAL}', state = 'claimed' where number = 1`,
    /^order 1: its card IB3000001 was made for no order$/,
  ],
  [
    "the card of an order is another user's",
    `update cards set order_number = 1, user_name = 'mallory' where serial = '${SERIAL}';
     update orders set serial = '${SERIAL}', state = 'shipped' where number = 1`,
    /^order 1: its card IB3000001 was made for another user$/,
  ],
  [
    "the PIN of a batch is moved to another row",
    "update batch_rows set pin = (select r.pin from batch_rows r where r.line = 3) where line = 2",
    /^batch 1, line 2: its PIN does not open/,
  ],
  [
    "a batch is marked as closed and its PINs stay",
    "update batches set state = 'closed'",
    /^batch 1: is closed but still has 2 PINs$/,
  ],
  [
    "a row of a batch is marked as done",
    "update batch_rows set state = 'done' where line = 2",
    /^batch 1, line 2: is done, but its card is not in the register$/,
  ],
  ["an entry of the journal is gone", "delete from journal where number = 2", /^journal: entry 2 is missing$/],
  [
    "an entry of the journal is changed",
    "update journal set actor = 'mallory' where number = 2",
    /^journal: entry 2 was changed$/,
  ],
];

const find = (register: Register): Promise<CheckReport> => checkRegister(register);

onEachEngine(test, "a correct register has no findings, and all of it was checked", async (rig) => {
  await fill(rig);
  const { findings, cards, opened, notGiven } = await find(rig.register);
  assert.equal([findings, cards, opened, notGiven], [[], 2, 8, []]);
  const none = await find(await rig.again({}));
  assert.equal([none.findings, none.cards, none.opened, none.notGiven], [[], 2, 0, KINDS]);
  const desk = await find(await rig.again({ desk: KEYS.desk }));
  assert.equal([desk.findings, desk.opened, desk.notGiven], [[], 4, ["site", "journal"]]);
});

onEachEngine(
  test,
  "an order that is claimed, or was cancelled while claimed, may have no card yet",
  async ({ register, card }) => {
    const order = { userName: "jane", suite: SUITE, pinCheck: "card", tries: 5, pin: Buffer.from("4071") } as const;
    const number = await change(register, (one) => addOrder(one, order));
    const claim = { action: "personalize", serial: SERIAL };
    await change(register, (one) => moveOrder(one, number, "claimed", claim));
    assert.equal((await find(register)).findings, []);
    await change(register, (one) => moveOrder(one, number, "cancelled", { action: "order cancel" }));
    assert.equal((await find(register)).findings, []);
    await card(SERIAL, "seeded");
    assert.equal((await find(register)).findings, [], "the card of a cancelled order may be somebody else's by now");
  },
);

for (const [what, statement, expected] of CHANGES)
  onEachEngine(test, `a fault is found: ${what}`, async (rig) => {
    await fill(rig);
    for (const one of statement.split(";")) await rig.register.engine.write((db) => sql.raw(one).execute(db));
    const { findings } = await find(rig.register);
    assert.ok(
      findings.some((line) => expected.test(line)),
      findings.join("\n"),
    );
    assert.ok(findings.every((line) => !line.includes("\n")));
    const other = expected.source.includes(OTHER);
    if (!other)
      assert.not.ok(
        findings.some((line) => line.startsWith(OTHER)),
        "the other card is right",
      );
  });

onEachEngine(test, "exchanged keys of a card's other copy, desk keys and public keys are found", async (rig) => {
  await fill(rig);
  const { register } = rig;
  const { site } = register;
  const place = { serial: SERIAL, cardId: "0011223344556677", field: "token", version: 1 };
  const key = pattern(32, 50);
  const row = { sealed: site.seal(key, place), fingerprint: site.fingerprint("token", key) };
  const all = { ...row, meta: pattern(32, 60) };
  await register.engine.write(async (db) => {
    const own = db.updateTable("keys").set(row).where("serial", "=", SERIAL).where("field", "=", "token");
    await own.where("opener", "=", "site").execute();
    for (const name of ["desk-public", "journal-public"])
      await db.updateTable("meta").set({ value: all.meta }).where("name", "=", name).execute();
  });
  const { findings } = await find(await rig.again());
  for (const expected of [
    /^IB3000001: its token key \(version 1\) is not the same under the site key and under the desk key$/,
    /the desk's public key does not fit the site key/,
    /^journal: the public key in the register was replaced$/,
  ])
    assert.ok(
      findings.some((line) => expected.test(line)),
      `${expected}: ${findings.join("\n")}`,
    );
});

onEachEngine(
  test,
  "a saved head shows that entries were removed together with the register's own position",
  async (rig) => {
    await fill(rig);
    const { register } = rig;
    const { engine, journal } = register;
    const head = await engine.read((db) => signHead(db, journal, 0));
    assert.equal((await checkRegister(register, head)).findings, []);
    const foreign = { ...head, signature: pattern(64, 3) };
    assert.match((await checkRegister(register, foreign)).findings.join("\n"), "belongs to another register");
    await engine.write(async (db) => {
      await db.deleteFrom("journal").where("number", ">", 1).execute();
      await db.deleteFrom("meta").where("name", "=", "journal-position").execute();
    });
    assert.match((await checkRegister(register, head)).findings.join("\n"), "of the saved head, is missing");
  },
);

test.run();
