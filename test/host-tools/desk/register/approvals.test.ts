// Approvals on both engines: a request of one operator is carried out after another one has approved exactly that, and once.

import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import type { CardRecord } from "../../../../host-tools/desk/keyregister.js";
import { acceptClock } from "../../../../host-tools/desk/register/acceptclock.js";
import {
  APPROVAL_LIFETIME,
  approve,
  cardsNow,
  changeApproved,
  requestToApprove,
  type Subject,
} from "../../../../host-tools/desk/register/approvals.js";
import { moveCard } from "../../../../host-tools/desk/register/cards.js";
import { change, changeAtAnyTime } from "../../../../host-tools/desk/register/change.js";
import { changeSetting, endOperator, enrolOperator } from "../../../../host-tools/desk/register/enrolment.js";
import { readEntries, verifyJournal } from "../../../../host-tools/desk/register/journal.js";
import { bindKeys } from "../../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import { UsageError } from "../../../../host-tools/files/errors.js";
import { giveUnlockCode, unlockSubject } from "../../../../host-tools/site/unlockcode.js";
import { keysFor, onEachEngine, putCard, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { ANNA, approvedWork, askedBy, CLARA, withApproval, withTwo } from "../../../support/operators.js";
import { rejects } from "../../../support/refusals.js";
import { suite } from "../../../support/suite.js";

const test = suite("approvals");

const SERIAL = "IB3000123";
const OTHER = "IB3000124";
const CARD_ID = "0011223344556677";

interface Scene extends Rig {
  readonly anna: Register;
  readonly boris: Register;
  /** The current request. */
  subject(more?: Partial<Subject>, serials?: readonly string[]): Promise<Subject>;
  run(more?: Partial<Subject>, serials?: readonly string[]): Promise<string>;
}

/** A register with two operators and two cards. */
function scene(name: string, body: (scene: Scene) => Promise<void>): void {
  onEachEngine(test, name, async (rig) => {
    await rig.card(SERIAL, "active");
    await rig.card(OTHER, "seeded");
    const two = await withTwo(rig);
    const subject: Scene["subject"] = async (more = {}, serials = [SERIAL]) => ({
      command: "pskc export",
      arguments: { keys: "token keys" },
      cards: await rig.register.engine.read((db) => cardsNow(db, serials)),
      recipient: { pskcKey: "a1b2c3", keyFingerprint: "01", certificate: null },
      ...more,
    });
    const run: Scene["run"] = async (more, serials) => approvedWork(two.anna, await subject(more, serials));
    await body({ ...rig, ...two, subject, run });
    const { findings } = await rig.register.engine.read((db) => verifyJournal(db, rig.register.journal));
    assert.equal(findings, [], "the journal is right");
  });
}

const agree = (register: Register, hash: string) => change(register, (one) => approve(one, hash));

const actionsOf = async ({ engine }: Register, last: number) =>
  (await engine.read((db) => readEntries(db, { last }))).map(({ actor, action }) => `${actor} ${action}`);

scene("an action is requested, approved and done once", async ({ anna, boris, run }) => {
  const hash = await askedBy(run());
  assert.is(await askedBy(run()), hash, "asked again, it is the same request");
  const { request } = await agree(boris, hash);
  assert.equal(
    [request.command, request.askedBy, request.cards, request.recipient?.pskcKey],
    ["pskc export", "anna", [{ serial: SERIAL, state: "active", keys: 0 }], "a1b2c3"],
  );
  assert.is(await run(), "done");
  assert.equal(await actionsOf(anna, 4), ["anna approval ask", "boris approve", "anna approval spend", "anna test"]);
});

scene("the whole hash also names a request; fewer or other digits do not", async ({ boris, run }) => {
  const digits = await askedBy(run());
  const { hash } = await change(boris, (one) => requestToApprove(one, digits));
  assert.is(hash.length, 32);
  for (const wrong of [digits.slice(1), "", "x".repeat(16), "%"]) await rejects(agree(boris, wrong), UsageError);
  assert.is((await refusalOf(agree(boris, "0".repeat(16)))).reason, "unknown");
  await agree(boris, hash.toString("hex"));
});

async function expire({ clock }: Scene): Promise<void> {
  clock.now += APPROVAL_LIFETIME;
}

/** Each begins with a valid approval, and gives the reason of the refusal. */
const REFUSALS: readonly (readonly [string, (scene: Scene) => Promise<unknown>, RegExp])[] = [
  ["used before", ({ run }) => run(), /was used already/],
  ["expired", expire, /has expired/],
  [
    "by one who was removed since",
    async ({ again, anna, boris }) => {
      await withApproval(boris, () => enrolOperator(anna, CLARA));
      const clara = await again(undefined, CLARA);
      await withApproval(clara, () => endOperator(anna, "boris"));
    },
    /is by boris, who is no longer an operator/,
  ],
  [
    "a card has another state",
    ({ anna }) => change(anna, (one) => moveCard(one, { serial: SERIAL, to: "lost", action: "card lost" })),
    /IB3000123 was active and is lost now/,
  ],
  [
    "a card has other keys",
    ({ anna }) => change(anna, (one) => bindKeys(one, { serial: SERIAL, cardId: CARD_ID, ...keysFor() })),
    /IB3000123 has other keys now/,
  ],
  [
    "signed by nobody",
    ({ register }) =>
      register.engine.write((db) =>
        db
          .updateTable("approvals")
          .set({ signature: Buffer.alloc(64) })
          .execute(),
      ),
    /is not signed by boris/,
  ],
  [
    "attributed to an operator who did not sign it",
    async ({ again, anna, boris, register }) => {
      await withApproval(boris, () => enrolOperator(anna, CLARA));
      await again(undefined, CLARA);
      await register.engine.write((db) => db.updateTable("approvals").set({ approved_by: "clara" }).execute());
    },
    /is not signed by clara/,
  ],
  [
    "signed by the one who asked",
    ({ register }) => register.engine.write((db) => db.updateTable("approvals").set({ approved_by: "anna" }).execute()),
    /is by the operator who requested it/,
  ],
];

for (const [what, spoil, why] of REFUSALS)
  scene(`an approval is refused, and a new request is made: ${what}`, async (all) => {
    const hash = await askedBy(all.run());
    await agree(all.boris, hash);
    await spoil(all);
    const { reason, message } = await refusalOf(all.run());
    assert.is(reason, "approval");
    assert.match(message, why);
    assert.not.match(message, "\n");
    const next = /dsc approve ([0-9a-f]{16})$/.exec(message)?.[1];
    assert.ok(next && next !== hash, message);
  });

/** Actions that differ from the approved one. */
const OTHERS: readonly (readonly [string, Partial<Subject>, (readonly string[])?])[] = [
  ["arguments", { arguments: { keys: "token keys and unlock keys" } }],
  ["one more argument", { arguments: { keys: "token keys", more: true } }],
  ["recipient", { recipient: { pskcKey: "d4e5f6", keyFingerprint: "01", certificate: null } }],
  ["key with the same check value", { recipient: { pskcKey: "a1b2c3", keyFingerprint: "02", certificate: null } }],
  ["certificate", { recipient: { pskcKey: "a1b2c3", keyFingerprint: "01", certificate: "00" } }],
  ["no recipient", { recipient: null }],
  ["card", {}, [OTHER]],
  ["one more card", {}, [SERIAL, OTHER]],
  ["no card", {}, []],
];

for (const [what, more, serials] of OTHERS)
  scene(`an approval is refused for another action: ${what}`, async ({ boris, run }) => {
    const hash = await askedBy(run());
    await agree(boris, hash);
    const { message } = await refusalOf(run(more, serials));
    assert.match(message, `the approval ${hash} is for other arguments`);
    assert.is(await run(), "done", "the approved action is still allowed");
  });

scene("an approval for another command, or of another operator's request, is refused", async (all) => {
  const { anna, boris, run, subject } = all;
  await agree(boris, await askedBy(run()));
  await askedBy(run({ command: "pskc forget" }));
  await askedBy(approvedWork(boris, await subject()));
  assert.is(await run(), "done");
  assert.is((await refusalOf(approvedWork(anna, await subject()))).reason, "approval");
});

/** Why nobody may approve a request. */
const NOT_APPROVED: readonly (readonly [string, (scene: Scene, hash: string) => Promise<unknown>, RegExp])[] = [
  ["expired", expire, /has expired/],
  ["approved already", ({ boris }, hash) => agree(boris, hash), /was approved already, by boris/],
  [
    "used",
    async ({ boris, run }, hash) => {
      await agree(boris, hash);
      await run();
    },
    /was used already/,
  ],
  [
    "a card that has another state",
    ({ anna }) => change(anna, (one) => moveCard(one, { serial: SERIAL, to: "lost", action: "card lost" })),
    /IB3000123 was active and is lost now/,
  ],
  [
    "changed",
    ({ register }) =>
      register.engine.write(async (db) => {
        const { request } = await db.selectFrom("approvals").select("request").executeTakeFirstOrThrow();
        await db
          .updateTable("approvals")
          .set({ request: request.replace("token", "other") })
          .execute();
      }),
    /was changed after it was written/,
  ],
];

for (const [what, spoil, why] of NOT_APPROVED)
  scene(`a request cannot be approved: ${what}`, async (all) => {
    const hash = await askedBy(all.run());
    await spoil(all, hash);
    const { reason, message } = await refusalOf(agree(all.boris, hash));
    assert.is(reason, "approval");
    assert.match(message, why);
  });

scene("the requesting operator cannot approve", async ({ anna, boris, run, subject }) => {
  const hash = await askedBy(run());
  assert.match((await refusalOf(agree(anna, hash))).message, /cannot approve their own/);
  const other = await askedBy(approvedWork(boris, await subject()));
  assert.match((await refusalOf(agree(boris, other))).message, /cannot approve their own/);
});

onEachEngine(test, "with one operator or none, no action that needs an approval is done", async (rig) => {
  await rig.card(SERIAL, "active");
  const subject = { command: "pskc export", arguments: {}, cards: [], recipient: null };
  assert.match(
    (await refusalOf(approvedWork(rig.register, subject))).message,
    /second operator, and the register has 0/,
  );
  const anna = await rig.again(undefined, ANNA);
  await enrolOperator(anna, ANNA);
  assert.match((await refusalOf(approvedWork(anna, subject))).message, /second operator, and the register has 1/);
  const requests = await rig.register.engine.read((db) => db.selectFrom("approvals").selectAll().execute());
  assert.equal(requests, []);
});

scene("if work fails after its approval was spent, the approval stays valid", async ({ anna, boris, run, subject }) => {
  await agree(boris, await askedBy(run()));
  const same = await subject();
  const failed = changeApproved(
    anna,
    async () => same,
    async () => Promise.reject(new Error("the disk fell down")),
  );
  assert.is((await refusalOf(failed)).message, "the disk fell down");
  assert.is(await run(), "done");
});

scene("the setting makes unlock codes need an approval", async ({ anna, boris }) => {
  await change(anna, (one) => bindKeys(one, { serial: SERIAL, cardId: CARD_ID, ...keysFor() }));
  const unlock = (lockCode: string) =>
    changeApproved(
      anna,
      (one) => unlockSubject(one, SERIAL, lockCode),
      (one) => giveUnlockCode(one, SERIAL, lockCode),
    );
  const code = await unlock("12345678");
  await changeSetting(anna, "approval.unlock", "yes");
  assert.is(await withApproval(boris, () => unlock("12345678")), code);
  await askedBy(unlock("12345678"));
  await agree(boris, await askedBy(unlock("12345679")));
  assert.match((await refusalOf(unlock("87654321"))).message, "is for other arguments");
});

/** A record as the bench makes it. */
function record(serial: string, cardId: string): CardRecord {
  const { key, unlockKey } = keysFor();
  const settings = { serial, suite: SUITE, pinCheck: "card", tries: 5, state: "pending" } as const;
  const card = { cardId, lifeBefore: "personalized", storeData: "unsent", keyset: undefined } as const;
  const keys = { key: Buffer.from(key), unlockKey, origin: "drawn" } as const;
  return { ...settings, ...card, ...keys, rotation: undefined, transport: undefined };
}

scene("the setting makes new keys for a card in use need an approval", async ({ anna, boris }) => {
  const serial = "IB3000200";
  await putCard(anna, serial, "active", { card_id: CARD_ID });
  await putCard(anna, "IB3000201", "pending", { card_id: "8899aabbccddeeff" });
  await changeSetting(anna, "approval.reseed", "yes");
  const bind = async (wanted: string, cardId: string) => {
    const desk = new SeedingDesk(anna, "a bench");
    await desk.find(wanted);
    await desk.bind(record(wanted, cardId));
    return "bound";
  };
  const stateOf = async () =>
    (await anna.engine.read((db) => cardsNow(db, [serial]))).map(({ state, keys }) => `${state} ${keys}`).join();
  assert.is(await bind("IB3000202", "0000000000000001"), "bound", "a new card");
  assert.is(await bind("IB3000201", "8899aabbccddeeff"), "bound", "one that is not finished");
  const renumbered = await askedBy(bind("IB3000203", CARD_ID));
  await askedBy(bind(serial, CARD_ID));
  assert.is(await stateOf(), "active 0", "nothing was bound");
  await agree(boris, renumbered);
  assert.match((await refusalOf(bind(serial, CARD_ID))).reason, "approval");
  assert.is(await withApproval(boris, () => bind(serial, CARD_ID)), "bound");
  assert.is(await stateOf(), "pending 1");
  assert.is(await bind(serial, CARD_ID), "bound", "interrupted, it goes on");
});

onEachEngine(test, "a wrong date in the future ends with a second operator's approval", async (rig) => {
  const { anna, boris } = await withTwo(rig);
  await changeSetting(anna, "approval.clock", "yes");
  const { now } = rig.clock;
  rig.clock.now += 365 * 86_400_000;
  await change(anna, ({ note }) => note({ action: "test" }));
  rig.clock.now = now;
  const hash = await askedBy(acceptClock(anna));
  await changeAtAnyTime(boris, (one) => approve(one, hash));
  await acceptClock(anna);
  await change(boris, ({ note }) => note({ action: "test" }));
});

onEachEngine(test, "only its text defines a request: a row with a wrong hash is no request", async (rig) => {
  const { anna, boris } = await withTwo(rig);
  for (const request of ["null", "{", "[]", '{"register":1}', '{"register":"","command":"x","arguments":null}']) {
    const hash = createHash("sha256").update(request).digest();
    await anna.engine.write((db) =>
      db
        .insertInto("approvals")
        .values({ hash, request, asked_by: "anna", expires: rig.clock.now + 1 })
        .execute(),
    );
    assert.is((await refusalOf(agree(boris, hash.toString("hex")))).reason, "approval", request);
  }
});

test.run();
