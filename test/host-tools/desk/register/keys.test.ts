// Keys in the register, on both engines: they are bound to a card before they are sent to it, no two cards have the same key,
// and a changed record affects no other card.

import { sql } from "kysely";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import {
  abandonKeys,
  bindKeys,
  type CardKeys,
  currentKey,
  currentKeys,
} from "../../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { hkdf, hmac, lengthPrefixed, unseal } from "../../../support/byhand.js";
import { KEYS, keysFor, onEachEngine, type Rig, refusalOf } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("keys");

const ONE = { serial: "IB3000001", cardId: "00112233445566aa" };
const OTHER = { serial: "IB3000002", cardId: "00112233445566bb" };
const GIVEN = pattern(32, 7);

interface Keyed {
  readonly serial: string;
  readonly cardId: string;
  /** The token key; default: a drawn one. */
  readonly given?: Uint8Array;
}

/** Binds keys to a card, and returns them. */
async function bind(register: Register, { serial, cardId, given }: Keyed): Promise<CardKeys> {
  const keys = keysFor(given);
  await change(register, (each) => bindKeys(each, { serial, cardId, ...keys }));
  return { token: Buffer.from(keys.key), unlock: keys.unlockKey, origin: keys.origin };
}

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
  "drawn keys are read back, and are sealed under the desk key and the site key",
  async ({ register, again }) => {
    const bound = await bind(register, ONE);
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
    // Computed by hand.
    for (const { opener, field, sealed, fingerprint } of rows) {
      const value = field === "token" ? bound.token : bound.unlock;
      const subkey = (use: string) => hkdf(KEYS[opener], register.id, `dsc register ${use}`);
      const place = lengthPrefixed(register.id, ONE.serial, ONE.cardId, field, "1");
      assert.equal(unseal(subkey("seal"), sealed, place), value);
      assert.equal(fingerprint, hmac(subkey("fingerprint"), lengthPrefixed(field, value)));
    }
  },
);

withCards("a given key is sealed under the site key only", async ({ register, again }) => {
  const { unlock } = await bind(register, { ...ONE, given: GIVEN });
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
  "a register without a site seals all keys under the desk key",
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

withCards("new keys are the next version, and the old ones are kept as abandoned", async ({ register }) => {
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

withCards("a key that is or was one card's is refused for every other card", async ({ register }) => {
  await bind(register, { ...ONE, given: GIVEN });
  const { reason, message } = await refusalOf(bind(register, { ...OTHER, given: GIVEN }));
  assert.is(reason, "duplicate");
  assert.match(message, /^IB3000002: this token key was bound to IB3000001/);
  await bind(register, ONE);
  for (const binding of [OTHER, { ...ONE, cardId: OTHER.cardId }])
    assert.is((await refusalOf(bind(register, { ...binding, given: GIVEN }))).reason, "duplicate");
  // The card that has the key may get it again.
  assert.is((await refusalOf(bind(register, { ...ONE, given: GIVEN }))).reason, "none");
  // The same holds for a drawn key.
  const { token } = await bind(register, ONE);
  assert.is((await refusalOf(bind(register, { ...OTHER, given: token }))).reason, "duplicate");
  assert.is(await current(register, OTHER), undefined);
});

withCards("a refused key leaves the card's earlier keys", async ({ register }) => {
  const kept = await bind(register, ONE);
  await bind(register, { ...OTHER, given: GIVEN });
  assert.is((await refusalOf(bind(register, { ...ONE, given: GIVEN }))).reason, "duplicate");
  assert.equal(await current(register, ONE), kept);
});

withCards(
  "of four benches that give one key to four cards at once, one succeeds",
  async ({ register, again, card }) => {
    const benches = [register, await again(), await again(), await again()];
    for (let bench = 0; bench < benches.length; bench++) await card(`IB400000${bench}`, "pending");
    const results = await Promise.all(
      benches.map((each, bench) => refusalOf(bind(each, { ...ONE, serial: `IB400000${bench}`, given: GIVEN }))),
    );
    assert.equal(results.map(({ reason }) => reason).sort(), ["duplicate", "duplicate", "duplicate", "none"]);
  },
);

withCards("a changed or moved record is named, and other cards' keys open", async ({ register }) => {
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
