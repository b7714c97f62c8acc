// Challenges in the register, on both engines: each is new, for one card, valid for five minutes, and spent once.

import * as assert from "uvu/assert";
import {
  type Draw,
  issueChallenge,
  LIFETIME,
  REMEMBERED,
  spendChallenge,
} from "../../../../host-tools/desk/register/challenges.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { acceptTime } from "../../../../host-tools/desk/register/registerclock.js";
import { ocra } from "../../../../host-tools/seeds/ocra.js";
import { onEachEngine, type Rig, refusalOf, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("register challenges");

const SERIAL = "IB3000123";
const OTHER = "IB3000124";

const issue = (register: Register, serial = SERIAL, draw?: Draw) =>
  change(register, (each) => issueChallenge(each, serial, draw));
const spend = (register: Register, challenge: string, right = true, serial = SERIAL) =>
  change(register, (each) => spendChallenge(each, serial, challenge, right));

/** Draws these numbers, one after another. */
function drawing(...numbers: number[]): Draw {
  return () => {
    const next = numbers.shift();
    if (next === undefined) throw new Error("nothing is left to draw");
    return next;
  };
}

function withCards(name: string, body: (rig: Rig) => Promise<void>): void {
  onEachEngine(test, name, async (rig) => {
    for (const serial of [SERIAL, OTHER]) await rig.card(serial, "active");
    await body(rig);
  });
}

withCards(
  "a challenge has six digits, and is spent by one response, right or wrong, for all processes",
  async ({ register, again }) => {
    const other = await again();
    for (const right of [true, false]) {
      const challenge = await issue(register);
      assert.match(challenge, /^\d{6}$/);
      assert.ok(await spend(register, challenge, right));
      assert.not(await spend(other, challenge, true));
      assert.not(await spend(register, challenge, true));
    }
    assert.is(await issue(register, SERIAL, drawing(42)), "000042");
  },
);

withCards("a challenge is valid only for its card, and only exactly as issued", async ({ register }) => {
  await issue(register, SERIAL, drawing(17));
  assert.not(await spend(register, "000017", true, OTHER));
  for (const other of ["17", "000272", "0000017", ""]) assert.not(await spend(register, other));
  assert.ok(await spend(register, "000017"));
});

withCards("a challenge is valid until it expires, and is then closed for good", async ({ register, clock }) => {
  const [first, second, third] = [await issue(register), await issue(register), await issue(register)];
  clock.now += LIFETIME - 1;
  assert.ok(await spend(register, first));
  clock.now += 1;
  assert.not(await spend(register, second));
  // The clock is set back, and somebody accepts it.
  clock.now -= LIFETIME;
  assert.is((await refusalOf(spend(register, second))).reason, "clock");
  await register.engine.write((db) => acceptTime(db, clock.now));
  assert.not(await spend(register, second));
  assert.ok(await spend(register, third));
  assert.is(LIFETIME, 300_000);
});

withCards(
  "a challenge that expires later than its lifetime allows is refused and closed",
  async ({ register, clock }) => {
    const challenge = await issue(register);
    clock.now -= 60_000;
    await register.engine.write((db) => acceptTime(db, clock.now));
    assert.not(await spend(register, challenge));
    clock.now += 120_000;
    assert.not(await spend(register, challenge));
  },
);

withCards(
  "no challenge is a multiple of 16, so that no two have the same response for that reason",
  async ({ register }) => {
    const draws = [0, 16, 32, 4096, 999_984, 1, 160, 17];
    const draw = drawing(...draws);
    const given = [await issue(register, SERIAL, draw), await issue(register, SERIAL, draw)];
    assert.equal(given, ["000001", "000017"]);
    // Otherwise 1 and 16 would be the same field of the data.
    const [one, sixteen] = ["000001", "000016"].map((challenge) => ocra(SUITE, pattern(32), { challenge }));
    assert.is(one, sixteen);
  },
);

withCards(
  "a challenge that was answered right is never issued again; others not within a day",
  async ({ register, clock }) => {
    assert.ok(await spend(register, await issue(register, SERIAL, drawing(1)), true));
    assert.ok(await spend(register, await issue(register, SERIAL, drawing(2)), false));
    await issue(register, SERIAL, drawing(3));
    assert.is(await issue(register, SERIAL, drawing(1, 2, 3, 4)), "000004");
    assert.is(await issue(register, OTHER, drawing(1)), "000001");
    clock.now += LIFETIME + REMEMBERED + 1;
    assert.is(await issue(register, SERIAL, drawing(1, 2)), "000002");
    assert.is(await issue(register, SERIAL, drawing(1, 3)), "000003");
    clock.now += 1000 * REMEMBERED;
    assert.is(await issue(register, SERIAL, drawing(1, 5)), "000005");
  },
);

withCards("if no challenge is free, an error says so", async ({ register }) => {
  await issue(register, SERIAL, () => 1);
  const { reason, message } = await refusalOf(issue(register, SERIAL, () => 1));
  assert.is(reason, "full");
  assert.match(message, /^IB3000123: nearly every challenge/);
});

withCards("each judged response is counted, right or wrong", async ({ register }) => {
  await spend(register, await issue(register), true);
  await spend(register, await issue(register), false);
  await spend(register, "000001", true);
  const attempts = await register.engine.read((db) =>
    db.selectFrom("attempts").select(["serial", "right"]).orderBy("number").execute(),
  );
  assert.equal(
    attempts.map(({ right }) => right),
    [1, 0, 0],
  );
});

test.run();
