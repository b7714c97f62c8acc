// Keys in the register, on both engines: bound to one card before they leave for it, no two cards with one, and a record
// that was changed costs no other card.

import { sql } from "kysely";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import {
  abandonKeys,
  type Binding,
  bindKeys,
  currentKey,
  currentKeys,
  isBound,
} from "../../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { hkdf, hmac, lengthPrefixed, unseal } from "../../../support/byhand.js";
import { KEYS, onEachEngine, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("keys");

const ONE = { serial: "IB3000001", cardId: "00112233445566aa", suite: SUITE };
const OTHER = { serial: "IB3000002", cardId: "00112233445566bb", suite: SUITE };
const GIVEN = pattern(32, 7);

const bind = (register: Register, binding: Binding) => change(register, (each) => bindKeys(each, binding));
const current = (register: Register, { serial }: { serial: string }) =>
  register.engine.read((db) => currentKeys(db, register, serial));
const rowsOf = (register: Register, serial: string) =>
  register.engine.read((db) =>
    db.selectFrom("keys").selectAll().where("serial", "=", serial).orderBy("number").execute(),
  );

function withCards(name: string, body: (rig: Rig) => Promise<void>, keys?: Partial<typeof KEYS>): void {
  const options = keys ? { keys } : {};
  onEachEngine(
    test,
    name,
    async (rig) => {
      for (const { serial } of [ONE, OTHER]) await rig.card(serial, "pending");
      await body(rig);
    },
    options,
  );
}

withCards(
  "drawn keys are those that are read back, and lie under desk key and site key",
  async ({ register, again }) => {
    const bound = await bind(register, ONE);
    assert.is(bound.token.length, 32);
    assert.is(bound.unlock.length, 32);
    assert.not.equal(bound.token, bound.unlock);
    assert.equal(await current(register, ONE), bound);
    for (const opener of ["desk", "site"] as const)
      assert.equal(await current(await again({ [opener]: KEYS[opener] }), ONE), bound);
    const rows = await rowsOf(register, ONE.serial);
    assert.equal(
      rows.map(({ field, opener, origin, state, version }) => [field, opener, origin, state, version].join(" ")).sort(),
      [
        "token desk drawn active 1",
        "token site drawn active 1",
        "unlock desk drawn active 1",
        "unlock site drawn active 1",
      ],
    );
    // Once more by hand.
    for (const { opener, field, sealed, fingerprint } of rows) {
      const value = field === "token" ? bound.token : bound.unlock;
      const subkey = (use: string) => hkdf(KEYS[opener], register.id, `dsc register ${use}`);
      const place = lengthPrefixed(register.id, ONE.serial, ONE.cardId, field, "1");
      assert.equal(unseal(subkey("seal"), sealed, place), value);
      assert.equal(fingerprint, hmac(subkey("fingerprint"), lengthPrefixed(field, value)));
    }
  },
);

withCards("a key is as long as the hash of its suite", async ({ register }) => {
  for (const [hash, size] of [
    ["SHA1", 20],
    ["SHA512", 64],
  ] as const) {
    const { token } = await bind(register, { ...ONE, suite: `OCRA-1:HOTP-${hash}-8:QN06` });
    assert.is(token.length, size);
  }
});

withCards("a given key lies under the site key alone", async ({ register, again }) => {
  const { token, unlock } = await bind(register, { ...ONE, given: GIVEN });
  assert.equal(token, GIVEN);
  assert.is.not(token, GIVEN);
  const rows = await rowsOf(register, ONE.serial);
  assert.equal(
    rows.filter(({ field }) => field === "token").map(({ opener, origin }) => [opener, origin]),
    [["site", "given"]],
  );
  const desk = await again({ desk: KEYS.desk });
  assert.is((await refusalOf(current(desk, ONE))).reason, "no-key");
  assert.equal(await desk.engine.read((db) => currentKey(db, desk, ONE.serial, "unlock")), unlock);
});

withCards(
  "a register without a site keeps all of them under the desk key",
  async ({ register }) => {
    const drawn = await bind(register, ONE);
    const given = await bind(register, { ...OTHER, given: GIVEN });
    assert.equal(await current(register, ONE), drawn);
    assert.equal(await current(register, OTHER), given);
    for (const { serial } of [ONE, OTHER])
      assert.equal([...new Set((await rowsOf(register, serial)).map(({ opener }) => opener))], ["desk"]);
    assert.is((await refusalOf(bind(register, { ...ONE, given: GIVEN }))).reason, "duplicate");
  },
  { desk: KEYS.desk, journal: KEYS.journal },
);

withCards("new keys are the next version, and the old ones are abandoned and kept", async ({ register }) => {
  const [first, second] = [await bind(register, ONE), await bind(register, ONE)];
  assert.not.equal(first.token, second.token);
  assert.equal(await current(register, ONE), second);
  const rows = await rowsOf(register, ONE.serial);
  assert.equal(rows.map(({ version, state }) => `${version} ${state}`).sort(), [
    ...Array(4).fill("1 abandoned"),
    ...Array(4).fill("2 active"),
  ]);
  await change(register, (each) => abandonKeys(each, ONE.serial));
  assert.is(await current(register, ONE), undefined);
});

withCards("a key that is or was a card's is never another's", async ({ register }) => {
  await bind(register, { ...ONE, given: GIVEN });
  const isOnes = (cardId: string) => register.engine.read((db) => isBound(db, register, ONE.serial, cardId, GIVEN));
  assert.ok(await isOnes(ONE.cardId));
  assert.not(await isOnes(OTHER.cardId));
  const { reason, message } = await refusalOf(bind(register, { ...OTHER, given: GIVEN }));
  assert.is(reason, "duplicate");
  assert.match(message, /^IB3000002: this token key was bound to IB3000001/);
  await bind(register, ONE);
  assert.not(await isOnes(ONE.cardId));
  for (const binding of [OTHER, ONE, { ...ONE, cardId: OTHER.cardId }])
    assert.is((await refusalOf(bind(register, { ...binding, given: GIVEN }))).reason, "duplicate");
  // A key that was drawn counts, too.
  const { token } = await bind(register, ONE);
  assert.is((await refusalOf(bind(register, { ...OTHER, given: token }))).reason, "duplicate");
  assert.is(await current(register, OTHER), undefined);
});

withCards("what was refused leaves a card the keys that it had", async ({ register }) => {
  const kept = await bind(register, ONE);
  await bind(register, { ...OTHER, given: GIVEN });
  assert.is((await refusalOf(bind(register, { ...ONE, given: GIVEN }))).reason, "duplicate");
  assert.equal(await current(register, ONE), kept);
});

withCards("of four benches that give one key to four cards at once, one does", async ({ register, again, card }) => {
  const benches = [register, await again(), await again(), await again()];
  for (let bench = 0; bench < benches.length; bench++) await card(`IB400000${bench}`, "pending");
  const results = await Promise.all(
    benches.map((each, bench) => refusalOf(bind(each, { ...ONE, serial: `IB400000${bench}`, given: GIVEN }))),
  );
  assert.equal(results.map(({ reason }) => reason).sort(), ["duplicate", "duplicate", "duplicate", "none"]);
});

withCards("a changed or a moved record is named, and other cards' keys open", async ({ register }) => {
  await bind(register, ONE);
  const kept = await bind(register, OTHER);
  await register.engine.write((db) =>
    sql`update keys set sealed = (select sealed from keys other where other.serial = ${OTHER.serial}
        and other.field = keys.field and other.opener = keys.opener) where serial = ${ONE.serial}`.execute(db),
  );
  const { reason, message } = await refusalOf(current(register, ONE));
  assert.is(reason, "damaged");
  assert.match(message, /^IB3000001: its token key \(version 1\) does not open/);
  assert.equal(await current(register, OTHER), kept);
});

test.run();
