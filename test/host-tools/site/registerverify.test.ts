// Logins with the register, on both engines: a response is accepted once, and refused for cards that are not in use. One
// damaged record does not affect other cards.

import { sql } from "kysely";
import * as assert from "uvu/assert";
import { issueChallenge } from "../../../host-tools/desk/register/challenges.js";
import { change } from "../../../host-tools/desk/register/change.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../host-tools/desk/register/register.js";
import type { CardState } from "../../../host-tools/desk/register/schema.js";
import { InputError } from "../../../host-tools/seeds/errors.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { acceptOnce } from "../../../host-tools/site/registerverify.js";
import { KEYS, keysFor, onEachEngine, type Rig, refusalOf, SUITE } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const test = suite("registerverify");

const SERIAL = "IB3000123";
const OTHER = "IB3000124";
const KEY = pattern(32, 5);
const SERVER_SUITE = `${SUITE}-PSHA256`;
const PIN = Buffer.from("8352");

const issue = (register: Register, serial = SERIAL) => change(register, (each) => issueChallenge(each, serial));
const right = (challenge: string) => ocra(SUITE, KEY, { challenge });
const wrong = (challenge: string) => right(challenge).replace(/.$/, (digit) => String((Number(digit) + 1) % 10));

function accept(register: Register, challenge: string, response = right(challenge), serial = SERIAL, pin?: Buffer) {
  return acceptOnce(register, { serial, challenge, response, pin });
}

async function seeded({ register, card }: Rig, serial = SERIAL, given = KEY, more = {}): Promise<void> {
  await card(serial, "active", more);
  await change(register, (each) =>
    bindKeys(each, { serial, cardId: `00112233445${serial.slice(-5)}`, ...keysFor(given) }),
  );
}

onEachEngine(test, "a right response is accepted once; a wrong one spends the challenge", async (rig) => {
  const { register, again } = rig;
  await seeded(rig);
  const first = await issue(register);
  assert.ok(await accept(register, first));
  assert.not(await accept(register, first));
  const second = await issue(register);
  assert.not(await accept(register, second, wrong(second)));
  assert.not(await accept(register, second));
  // The service has the site key only.
  const service = await again({ site: KEYS.site });
  assert.ok(await accept(service, await issue(service)));
});

onEachEngine(
  test,
  "cards that are lost, returned or retired are refused, and their challenge is spent",
  async (rig) => {
    const { register } = rig;
    await seeded(rig);
    const setState = (state: CardState) =>
      register.engine.write((db) => db.updateTable("cards").set({ state }).where("serial", "=", SERIAL).execute());
    for (const state of ["blank", "pending", "lost", "returned", "retired"] as const) {
      const challenge = await issue(register);
      await setState(state);
      assert.not(await accept(register, challenge), state);
      await setState("active");
      assert.not(await accept(register, challenge), state);
    }
    for (const state of ["seeded", "shipped", "active"] as const) {
      await setState(state);
      assert.ok(await accept(register, await issue(register)), state);
    }
  },
);

onEachEngine(test, "input that does not fit the card is an InputError and spends nothing", async (rig) => {
  const { register } = rig;
  await seeded(rig);
  const challenge = await issue(register);
  for (const mistake of [
    accept(register, challenge.slice(1), right(challenge)),
    accept(register, challenge, right(challenge), SERIAL, PIN),
  ])
    await mistake.then(
      () => assert.unreachable("it was judged"),
      (error: unknown) => assert.instance(error, InputError),
    );
  assert.is((await refusalOf(accept(register, challenge, right(challenge), "IB3999999"))).reason, "unknown");
  assert.ok(await accept(register, challenge));
});

onEachEngine(test, "the server checks the PIN of a card with the server's PIN check", async (rig) => {
  const { register } = rig;
  await seeded(rig, SERIAL, KEY, { suite: SERVER_SUITE, pin_check: "server" });
  const response = (challenge: string, pin: Buffer) => ocra(SERVER_SUITE, KEY, { challenge, pin });
  const first = await issue(register);
  assert.ok(await accept(register, first, response(first, PIN), SERIAL, PIN));
  const second = await issue(register);
  assert.not(await accept(register, second, response(second, PIN), SERIAL, Buffer.from("8353")));
});

onEachEngine(test, "a changed record is named, and other cards log in", async (rig) => {
  const { register } = rig;
  await seeded(rig);
  await seeded(rig, OTHER, pattern(32, 6));
  await register.engine.write((db) =>
    sql`update keys set version = 9 where serial = ${OTHER} and field = 'token'`.execute(db),
  );
  const challenge = await issue(register, OTHER);
  const { reason, message } = await refusalOf(accept(register, challenge, "01234567", OTHER));
  assert.is(reason, "damaged");
  assert.match(message, /^IB3000124: its token key/);
  assert.ok(await accept(register, await issue(register)));
});

onEachEngine(
  test,
  "an accepted response and the work that belongs to it are committed together or not at all",
  async (rig) => {
    const { register } = rig;
    await seeded(rig);
    const challenge = await issue(register);
    const answer = { serial: SERIAL, challenge, response: right(challenge) };
    const failed = await refusalOf(
      acceptOnce(register, answer, ["active"], async () => {
        throw new Error("it cannot be done");
      }),
    );
    assert.is(failed.message, "it cannot be done");
    let done = 0;
    const count = async () => void done++;
    assert.ok(await acceptOnce(register, answer, ["active"], count));
    assert.not(await acceptOnce(register, answer, ["active"], count));
    assert.is(done, 1);
  },
);

test.run();
