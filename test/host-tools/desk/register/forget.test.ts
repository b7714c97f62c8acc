// Forgetting keys that another organisation has read, on both engines: all keys of the receipt are forgotten or none, and
// nothing of them is left.

import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import { changeSetting } from "../../../../host-tools/desk/register/enrolment.js";
import { forgetKeys, type GivenReceipt } from "../../../../host-tools/desk/register/forget.js";
import { readEntries } from "../../../../host-tools/desk/register/journal.js";
import { noteExport, readExport, wipeCards } from "../../../../host-tools/desk/register/keyexport.js";
import { bindKeys, currentKey } from "../../../../host-tools/desk/register/keys.js";
import { addOrder, cancelOrder, moveOrder } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import type { KeyField } from "../../../../host-tools/desk/register/schema.js";
import type { KeyRead } from "../../../../host-tools/seeds/receipt.js";
import { giveUnlockCode } from "../../../../host-tools/site/unlockcode.js";
import { keysFor, onEachEngine, putCard, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { askedBy, withApproval, withTwo } from "../../../support/operators.js";
import { suite } from "../../../support/suite.js";

const test = suite("forgotten keys");

const FIRST = "IB3000001";
const SECOND = "IB3000002";
const EXPORT = "ab".repeat(32);
const OTHER_EXPORT = "cd".repeat(32);
const CERTIFICATE = "ef".repeat(32);
const SIGNED = { fingerprint: CERTIFICATE };

const token = (serial: string): KeyRead => ({ serial, field: "token" });
const unlock = (serial: string): KeyRead => ({ serial, field: "unlock" });

function receiptFor(keys: readonly KeyRead[], more: Partial<GivenReceipt> = {}, sha256 = EXPORT): GivenReceipt {
  const receipt = { kind: "dsc-pskc-receipt", version: 1, at: "2026-11-28T12:00:00Z", export: sha256, keys } as const;
  return { path: "receipt.json", receipt, sha256: "12".repeat(32), signedFor: SIGNED, ...more };
}

interface Scene extends Rig {
  /** The operator who acts. */
  readonly anna: Register;
  readonly boris: Register;
  forget(keys: readonly KeyRead[], more?: Partial<GivenReceipt>, sha256?: string): ReturnType<typeof forgetKeys>;
  has(serial: string, field: KeyField): Promise<boolean>;
}

async function exportAll(register: Register, unlockKeys: boolean, sha256 = EXPORT, certificate?: string) {
  const { cards } = await readExport(register, {}, unlockKeys);
  await noteExport(register, cards, { sha256, pskcKey: "a1b2c3", keyFingerprint: null, certificate });
  wipeCards(cards);
}

/** Two cards whose token keys were exported for a certificate. */
function scene(name: string, body: (scene: Scene) => Promise<void>): void {
  onEachEngine(test, name, async (rig) => {
    const { anna, boris } = await withTwo(rig);
    for (const [at, serial] of [FIRST, SECOND].entries()) {
      await putCard(anna, serial, "seeded");
      await change(anna, (one) => bindKeys(one, { serial, cardId: `000000000000000${at}`, ...keysFor() }));
    }
    await exportAll(anna, false, EXPORT, CERTIFICATE);
    const forget: Scene["forget"] = (...args) => forgetKeys(anna, receiptFor(...args));
    const has: Scene["has"] = async (serial, field) => {
      const key = await anna.engine.read((db) => currentKey(db, anna, serial, field));
      return key !== undefined;
    };
    await body({ ...rig, anna, boris, forget, has });
  });
}

scene("a receipt signed by the site is enough, and a second run changes nothing", async ({ anna, forget, has }) => {
  assert.equal(await forget([token(FIRST)]), { forgotten: [token(FIRST)], before: 0 });
  assert.equal(
    [await has(FIRST, "token"), await has(FIRST, "unlock"), await has(SECOND, "token")],
    [false, true, true],
  );
  assert.equal(await forget([token(FIRST), token(SECOND)]), { forgotten: [token(SECOND)], before: 1 });
  const rows = await anna.engine.read((db) => db.selectFrom("keys").selectAll().where("field", "=", "token").execute());
  assert.equal(
    rows.map(({ state, sealed }) => [state, sealed.length]),
    Array(4).fill(["forgotten", 0]),
  );
  const [entry] = await anna.engine.read((db) => readEntries(db, { last: 1 }));
  assert.equal(
    [entry?.actor, entry?.action, entry?.serial, JSON.parse(entry?.detail ?? "")],
    ["anna", "pskc forget", SECOND, { export: EXPORT, keys: "token", version: 1, receipt: "12".repeat(32) }],
  );
  assert.equal((await checkRegister(anna)).findings, []);
});

scene("any other receipt needs an approval", async ({ anna, boris, forget, has }) => {
  await askedBy(forget([token(FIRST)], { signedFor: undefined }));
  assert.ok(await has(FIRST, "token"));
  await withApproval(boris, () => forget([token(FIRST)], { signedFor: undefined }));
  assert.not.ok(await has(FIRST, "token"));
  await changeSetting(anna, "approval.forget", "yes");
  await askedBy(forget([token(SECOND)]));
  await withApproval(boris, () => forget([token(SECOND)]));
});

scene("an approval is valid for one receipt and its signature", async ({ anna, boris, forget }) => {
  await changeSetting(anna, "approval.forget", "yes");
  const asked = () => forget([token(FIRST)]);
  await withApproval(boris, async () => asked()).then(({ forgotten }) => assert.is(forgotten.length, 1));
  const hash = await askedBy(forget([token(SECOND)]));
  assert.is.not(await askedBy(forget([token(SECOND)], { signedFor: undefined })), hash);
  assert.is.not(await askedBy(forget([token(SECOND)], { sha256: "34".repeat(32) })), hash);
});

scene("an unlock key that was not exported stays, and gives unlock codes", async ({ anna, forget }) => {
  await forget([token(FIRST)]);
  assert.match(await change(anna, (one) => giveUnlockCode(one, FIRST, "12345678")), /^\d{8}$/);
  await exportAll(anna, true, OTHER_EXPORT, CERTIFICATE);
  await forget([unlock(SECOND), token(SECOND)], {}, OTHER_EXPORT);
  const refused = await refusalOf(change(anna, (one) => giveUnlockCode(one, SECOND, "12345678")));
  assert.equal([refused.reason, /was forgotten/.test(refused.message)], ["unknown", true]);
});

/** Receipts that are refused. */
const REFUSALS: readonly (readonly [string, (scene: Scene) => Promise<unknown>, string, RegExp])[] = [
  ["of another export", ({ forget }) => forget([token(FIRST)], {}, OTHER_EXPORT), "unknown", /did not contain/],
  [
    "that also names an unlock key",
    ({ forget }) => forget([token(FIRST), unlock(FIRST)]),
    "unknown",
    /unlock key of IB3000001/,
  ],
  ["that names another card", ({ forget }) => forget([token(FIRST), token("IB3000009")]), "unknown", /IB3000009/],
  [
    "signed for another certificate",
    ({ forget }) => forget([token(FIRST)], { signedFor: { fingerprint: "00" } }),
    "wrong-key",
    /another certificate/,
  ],
  [
    "signed, but of an export without a certificate",
    async ({ anna, forget }) => {
      await exportAll(anna, false, OTHER_EXPORT);
      return forget([token(FIRST)], {}, OTHER_EXPORT);
    },
    "wrong-key",
    /not made for a certificate/,
  ],
  [
    "with a card that has a user name here",
    async ({ anna, forget }) => {
      await change(anna, ({ db }) =>
        db.updateTable("cards").set({ user_name: "jane" }).where("serial", "=", SECOND).execute(),
      );
      return forget([token(FIRST), token(SECOND)]);
    },
    "state",
    /IB3000002 has a user name/,
  ],
  [
    "with the card of an order",
    async ({ anna, forget }) => {
      await change(anna, async (one) => {
        const order = await addOrder(one, { userName: "jane", suite: SUITE, pinCheck: "card", tries: 5 });
        await moveOrder(one, order, "claimed", { action: "personalize", serial: SECOND });
      });
      return forget([token(FIRST), token(SECOND)]);
    },
    "state",
    /IB3000002 is the card of order 1/,
  ],
];

for (const [what, attempt, reason, why] of REFUSALS)
  scene(`nothing is forgotten for a receipt ${what}`, async (all) => {
    const refused = await refusalOf(attempt(all));
    assert.is(refused.reason, reason, refused.message);
    assert.match(refused.message, why);
    for (const serial of [FIRST, SECOND]) assert.ok(await all.has(serial, "token"), serial);
  });

scene("the keys of a card whose order was cancelled can be forgotten", async ({ anna, forget }) => {
  await change(anna, async (one) => {
    const order = await addOrder(one, { userName: "jane", suite: SUITE, pinCheck: "card", tries: 5 });
    await moveOrder(one, order, "claimed", { action: "personalize", serial: FIRST });
    await cancelOrder(one, order, "a mistake");
  });
  assert.is((await forget([token(FIRST)])).forgotten.length, 1);
});

scene("a card keeps the keys that it got after the export", async ({ anna, forget, has }) => {
  await change(anna, (one) => bindKeys(one, { serial: FIRST, cardId: "0000000000000000", ...keysFor() }));
  await forget([token(FIRST)]);
  assert.ok(await has(FIRST, "token"));
  const rows = await anna.engine.read((db) =>
    db.selectFrom("keys").selectAll().where("serial", "=", FIRST).where("field", "=", "token").execute(),
  );
  assert.equal(rows.map(({ version, state }) => `${version} ${state}`).sort(), [
    "1 forgotten",
    "1 forgotten",
    "2 active",
    "2 active",
  ]);
});

scene(
  "an export of all cards leaves out forgotten ones; a forgotten card named by its number is refused",
  async ({ anna, forget }) => {
    await forget([token(FIRST)]);
    const { cards, leftOut } = await readExport(anna, {}, false);
    wipeCards(cards);
    assert.equal([cards.map(({ serial }) => serial), leftOut], [[SECOND], [FIRST]]);
    assert.match((await refusalOf(readExport(anna, { serials: [FIRST] }, false))).message, /was forgotten/);
  },
);

scene("nothing of a forgotten key is left in the file", async ({ anna, where, forget }) => {
  if (anna.engine.kind !== "sqlite") return;
  const sealed = await anna.engine.read((db) =>
    db.selectFrom("keys").select("sealed").where("serial", "=", FIRST).where("field", "=", "token").execute(),
  );
  assert.is(sealed.length, 2);
  const inFiles = () => Buffer.concat([readFileSync(where), readFileSync(`${where}-wal`)]);
  for (const row of sealed) assert.ok(inFiles().includes(row.sealed), "it was there before");
  await forget([token(FIRST)]);
  const other = await anna.engine.read((db) =>
    db.selectFrom("keys").select("sealed").where("serial", "=", SECOND).executeTakeFirstOrThrow(),
  );
  // A connection that closes empties the log.
  await anna.close();
  for (const row of sealed) assert.not.ok(inFiles().includes(row.sealed), "a key is still in the file or its log");
  assert.ok(inFiles().includes(other.sealed), "another one is there");
});

test.run();
