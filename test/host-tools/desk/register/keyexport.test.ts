// Keys exported from the register and imported into another one: the selected cards, the entries in the journal. No key is
// lost, duplicated or printed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import { readEntries } from "../../../../host-tools/desk/register/journal.js";
import { noteExport, readExport, wipeCards } from "../../../../host-tools/desk/register/keyexport.js";
import { importRecords } from "../../../../host-tools/desk/register/keyimport.js";
import { bindKeys, currentKey } from "../../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import type { CardState } from "../../../../host-tools/desk/register/schema.js";
import { exportPskc } from "../../../../host-tools/seeds/pskcexport.js";
import { importPskc } from "../../../../host-tools/seeds/pskcimport.js";
import type { SeedRecord } from "../../../../host-tools/seeds/pskcrecords.js";
import { KEYS, keysFor, onEachEngine, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { scratchFolder } from "../../../support/scratch.js";
import { suite } from "../../../support/suite.js";

const test = suite("keys out of the register and in");

const FOLDER = scratchFolder();
const PSK = pattern(16, 1);
const HASH = "ab".repeat(32);
const STATES: readonly CardState[] = ["blank", "pending", "seeded", "shipped", "active", "lost", "returned", "retired"];
const EXPORTED: readonly CardState[] = ["seeded", "shipped", "active"];

const serialOf = (at: number) => `IB300${String(at).padStart(4, "0")}`;

/** A card with keys that the desk drew; returns the token key in hexadecimal. */
async function drawn({ card, register }: Rig, serial: string, state: CardState): Promise<string> {
  await card(serial, state);
  const keys = keysFor();
  const binding = { serial, cardId: serial.slice(2).padStart(16, "0"), ...keys };
  await change(register, (inside) => bindKeys(inside, binding));
  return Buffer.from(keys.key).toString("hex");
}

function record(at: number, more: Partial<SeedRecord> = {}): SeedRecord {
  return {
    serial: serialOf(at),
    suite: SUITE,
    pinCheck: "card",
    tries: 3,
    key: pattern(32, at),
    unlockKey: pattern(32, 100 + at),
    state: "done",
    keyset: undefined,
    ...more,
  };
}

function keyIn(register: Register, serial: string, field: "token" | "unlock"): Promise<Buffer | undefined> {
  return register.engine.read((db) => currentKey(db, register, serial, field));
}

onEachEngine(test, "seeded, shipped and active cards are exported, with unlock keys only on request", async (rig) => {
  const keys = new Map<string, string>();
  for (const [at, state] of STATES.entries()) keys.set(state, await drawn(rig, serialOf(at), state));
  for (const unlockKeys of [false, true]) {
    const { cards, leftOut } = await readExport(rig.register, {}, unlockKeys);
    assert.equal(
      cards.map(({ key }) => Buffer.from(key).toString("hex")),
      EXPORTED.map((state) => keys.get(state)),
    );
    assert.is(cards.filter(({ unlockKey }) => unlockKey !== undefined).length, unlockKeys ? EXPORTED.length : 0);
    assert.is(leftOut.length, STATES.length - EXPORTED.length);
    wipeCards(cards);
    assert.ok(cards.every(({ key }) => key.every((byte) => byte === 0)));
  }
});

onEachEngine(test, "a named card is exported, or refused in a line with its state", async (rig) => {
  for (const [at, state] of STATES.entries()) {
    await drawn(rig, serialOf(at), state);
    const { reason, message } = await refusalOf(readExport(rig.register, { serials: [serialOf(at)] }, false));
    if (EXPORTED.includes(state)) assert.is(reason, "none");
    else
      assert.equal(
        [reason, message],
        ["state", `${serialOf(at)} is ${state}: its keys are not exported; leave it out`],
      );
  }
  assert.is((await refusalOf(readExport(rig.register, { serials: ["IB3009999"] }, false))).reason, "unknown");
  await rig.card("IB3008888", "seeded");
  assert.match(
    (await refusalOf(readExport(rig.register, {}, false))).message,
    /IB3008888: the register has no token key/,
  );
});

onEachEngine(test, "an export needs the desk key or the site key", async (rig) => {
  const token = await drawn(rig, serialOf(1), "seeded");
  for (const keys of [{ site: KEYS.site }, { desk: KEYS.desk }]) {
    const { cards } = await readExport(await rig.again(keys), {}, false);
    assert.equal(
      cards.map(({ key }) => Buffer.from(key).toString("hex")),
      [token],
    );
  }
  assert.is((await refusalOf(readExport(await rig.again({ journal: KEYS.journal }), {}, false))).reason, "no-key");
});

onEachEngine(
  test,
  "the journal says for each exported card which keys, for whom and in which file, and contains no key",
  async (rig) => {
    const tokens: string[] = [];
    // More entries than are written in one piece.
    for (let at = 0; at < 103; at++) tokens.push(await drawn(rig, serialOf(at), "seeded"));
    const { cards } = await readExport(rig.register, {}, true);
    const note = { sha256: HASH, pskcKey: "0badc0", keyFingerprint: null, certificate: "cd".repeat(32) };
    await noteExport(rig.register, cards, note);
    const entries = await rig.register.engine.read((db) => readEntries(db));
    const noted = entries.filter(({ action }) => action === "pskc export");
    assert.equal(
      noted.map(({ serial }) => serial),
      cards.map(({ serial }) => serial),
    );
    const detail = { certificate: "cd".repeat(32), export: HASH, keys: "token unlock", pskcKey: "0badc0", version: 1 };
    for (const entry of noted) assert.equal(JSON.parse(entry.detail), detail);
    const all = JSON.stringify(entries);
    for (const token of tokens) assert.not(all.includes(token.slice(0, 16)));
  },
);

onEachEngine(test, "an export of one register is imported into another with the same keys", async (rig) => {
  const tokens = [await drawn(rig, serialOf(1), "seeded"), await drawn(rig, serialOf(2), "active")];
  const { cards } = await readExport(rig.register, {}, true);
  const path = join(FOLDER, "export.xml");
  writeFileSync(path, exportPskc(cards, PSK, { unlockKeys: true }));
  const { records, sha256 } = importPskc(path, PSK);
  // Imported into the same register: all keys are known, and nothing is written again.
  const before = await rowsIn(rig.register);
  const again = await importRecords(rig.register, records, sha256);
  assert.equal([again.taken.length, again.known, again.refusals], [2, 2, []]);
  assert.equal(await rowsIn(rig.register), before);
  assert.equal(
    records.map(({ key }) => key.toString("hex")),
    tokens,
  );
});

function rowsIn(register: Register): Promise<[number, number, number]> {
  return register.engine.read(async (db) => {
    const tables = ["cards", "keys", "journal"] as const;
    const counts: number[] = [];
    for (const table of tables) counts.push((await db.selectFrom(table).selectAll().execute()).length);
    return counts as [number, number, number];
  });
}

onEachEngine(
  test,
  "imported keys belong to the site, are bound to the card that the file names or to none, and keep its progress",
  async (rig) => {
    const { register } = rig;
    const rotation = { before: "own", putKey: "sent" } as const;
    const records = [
      record(1, { userName: "alice", keyset: 2, cardId: "0123456789abcdef" }),
      record(2, { unlockKey: undefined, tries: undefined, state: "pending", keyset: 3, rotation }),
    ];
    const { taken, known, refusals } = await importRecords(register, records, HASH);
    assert.equal([taken, known, refusals], [records, 0, []]);
    const rows = await register.engine.read((db) => db.selectFrom("keys").selectAll().orderBy("number").execute());
    assert.equal(
      rows.map(({ serial, field, card_id, opener, origin, state }) => [serial, field, card_id, opener, origin, state]),
      [
        [serialOf(1), "token", "0123456789abcdef", "site", "imported", "active"],
        [serialOf(1), "unlock", "0123456789abcdef", "site", "imported", "active"],
        [serialOf(2), "token", "none", "site", "imported", "active"],
      ],
    );
    for (const { serial, key, unlockKey } of records) {
      assert.equal(await keyIn(register, serial, "token"), key);
      assert.equal(await keyIn(register, serial, "unlock"), unlockKey);
    }
    const cards = await register.engine.read((db) => db.selectFrom("cards").selectAll().orderBy("serial").execute());
    assert.equal(
      cards.map(({ serial, state, tries, keyset, card_id, user_name, store_data, put_key }) => ({
        ...{ serial, state, tries, keyset, card_id, user_name, store_data, put_key },
      })),
      [
        {
          ...{ serial: serialOf(1), state: "seeded", tries: 3, keyset: 2, card_id: "0123456789abcdef" },
          ...{ user_name: "alice", store_data: "answered", put_key: "unsent" },
        },
        {
          ...{ serial: serialOf(2), state: "pending", tries: 5, keyset: 3, card_id: null },
          ...{ user_name: null, store_data: "sent", put_key: "sent" },
        },
      ],
    );
    const entries = await register.engine.read((db) => readEntries(db, { serial: serialOf(1) }));
    assert.equal(
      entries.map(({ action, to, detail }) => [action, to, JSON.parse(detail)]),
      [["pskc import", "seeded", { export: HASH, keys: "token unlock" }]],
    );
  },
);

onEachEngine(test, "one bad record among many is named, and all others are imported", async (rig) => {
  const { register } = rig;
  const others = Array.from({ length: 102 }, (_, at) => record(at));
  const [first] = others as [SeedRecord];
  await drawn(rig, "IB3009001", "active");
  const theirs = (await keyIn(register, "IB3009001", "token")) as Buffer;
  const records = [
    ...others.slice(0, 50),
    record(200, { key: theirs }),
    record(201, { key: first.key }),
    record(202, { serial: "IB3009001" }),
    ...others.slice(50),
  ];
  const { taken, refusals } = await importRecords(register, records, HASH);
  assert.equal(taken, others);
  assert.equal(
    refusals.map(({ serial }) => serial),
    [serialOf(200), serialOf(201), "IB3009001"],
  );
  assert.match(refusals[0]?.why ?? "", /two cards never have one key/);
  assert.match(refusals[2]?.why ?? "", /has another token key for this card/);
  assert.equal(await keyIn(register, "IB3009001", "token"), theirs);
  for (const at of [200, 201]) assert.is(await keyIn(register, serialOf(at), "token"), undefined);
});

onEachEngine(test, "a later unlock key is added; a different one is refused", async (rig) => {
  const { register } = rig;
  await importRecords(register, [record(1, { unlockKey: undefined })], HASH);
  const later = await importRecords(register, [record(1)], HASH);
  assert.equal([later.taken.length, later.known], [1, 0]);
  assert.equal(await keyIn(register, serialOf(1), "unlock"), record(1).unlockKey);
  const other = await importRecords(register, [record(1, { unlockKey: pattern(32, 999) })], HASH);
  assert.match(other.refusals[0]?.why ?? "", /has another unlock key for this card/);
  assert.equal(await keyIn(register, serialOf(1), "unlock"), record(1).unlockKey);
  assert.equal((await importRecords(register, [record(1)], HASH)).known, 1);
});

onEachEngine(
  test,
  "a register without a site keeps imported keys under the desk key",
  async ({ register }) => {
    await importRecords(register, [record(1)], HASH);
    const rows = await register.engine.read((db) => db.selectFrom("keys").selectAll().execute());
    assert.equal(
      rows.map(({ opener }) => opener),
      ["desk", "desk"],
    );
    assert.equal(await keyIn(register, serialOf(1), "token"), record(1).key);
  },
  { keys: { desk: KEYS.desk, journal: KEYS.journal } },
);

onEachEngine(test, "without the key that seals imported keys nothing is imported", async (rig) => {
  const other = await rig.again({ desk: KEYS.desk, journal: KEYS.journal });
  assert.is((await refusalOf(importRecords(other, [record(1)], HASH))).reason, "no-key");
  assert.equal((await rowsIn(rig.register)).slice(0, 2), [0, 0]);
});

test.run();
